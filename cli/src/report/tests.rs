//! The page as a whole.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use loosepack::{Config, Location, ObjectInfo, PackInfo, Placement, Sharing, Stats};

use super::survey::Survey;
use super::{STYLE, Snapshot, page};

/// A container with a name and some packs of 100 bytes, each with 25 dead ones.
fn snapshot(directory: &str, packs: u32) -> Snapshot {
    let pack = |number| PackInfo { number, size: 100, objects: 3, live: 75 };
    Snapshot {
        directory: directory.into(),
        taken: UNIX_EPOCH + Duration::from_secs(951_782_400),
        id: "0123".into(),
        config: Config { pack_target: 100, ..Config::default() },
        stats: Stats { packs: packs.into(), packs_size: u64::from(packs) * 100, ..Stats::default() },
        packs: (0..packs).map(pack).collect(),
        survey: Survey::default(),
    }
}

#[test]
fn a_shared_container_is_called_so() {
    let mut shared = snapshot("store", 1);
    assert!(!page(&shared).contains("shared with the group"));
    shared.config.shared = Sharing::Group;
    assert!(page(&shared).contains("compression level 1, shared with the group; as of"));
}

fn packed(size: u64, length: u64) -> ObjectInfo {
    ObjectInfo { size, placement: Placement::Packed(Location { pack: 0, offset: 0, length, size }) }
}

/// A container whose numbers are as large as they can be.
fn huge() -> Snapshot {
    let mut huge = snapshot("huge", 100_000);
    for size in (0..64).map(|power| 1 << power).chain([0, u64::MAX]) {
        for length in [1, size / 2, size, u64::MAX] {
            huge.survey.add(&packed(size, length));
        }
        huge.survey.add(&ObjectInfo { size, placement: Placement::Loose });
    }
    for pack in &mut huge.packs {
        *pack = PackInfo { objects: u64::MAX, size: u64::MAX, live: u64::from(pack.number), ..*pack };
    }
    huge.stats = Stats {
        packed_objects: u64::MAX,
        packed_size: u64::MAX,
        packed_length: u64::MAX,
        loose_objects: u64::MAX,
        loose_size: u64::MAX,
        loose_packed: u64::MAX,
        packs: u64::MAX,
        packs_size: u64::MAX,
        packs_dead: u64::MAX,
        index_size: u64::MAX,
        unfinished: u64::MAX,
        unfinished_size: u64::MAX,
    };
    huge
}

/// Checks that every element is closed in its turn, that no two have the same ID, and that labels exist. Returns the
/// names of elements.
#[track_caller]
fn check(page: &str) -> BTreeSet<String> {
    let (mut open, mut names, mut ids) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let body = page.strip_prefix("<!DOCTYPE html>").expect("it is HTML");
    for tag in body.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').expect("a tag ends");
        assert!(!tag.contains('\n') || tag.starts_with("svg"), "an attribute is cut: {tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{tag}");
            continue;
        }
        let name = tag.split([' ', '/']).next().expect("a tag has a name").to_string();
        if let Some((_, id)) = tag.split_once(" id=\"") {
            let id = id.split('"').next().expect("an ID ends").to_string();
            assert!(ids.insert(id), "an ID is there twice: {tag}");
        }
        names.insert(name.clone());
        if !tag.ends_with('/') && name != "meta" {
            open.push(name);
        }
    }
    assert_eq!(open, [] as [&str; 0], "these are not closed");
    for labels in page.split("aria-labelledby=\"").skip(1) {
        let labels = labels.split('"').next().expect("an attribute ends");
        for label in labels.split(' ') {
            assert!(ids.contains(label), "{label} names nothing");
        }
    }
    names
}

#[test]
fn an_empty_container_is_shown() {
    let page = page(&snapshot("empty", 0));
    check(&page);
    for words in ["There are no packs.", "There are no objects.", "Nothing is packed", "neither packing nor repacking"]
    {
        assert!(page.contains(words), "{words}");
    }
    assert!(page.contains("<time datetime=\"2000-02-29T00:00:00Z\">2000-02-29 00:00 UTC</time>"));
}

#[test]
fn names_are_text_and_nothing_else() {
    let plain = check(&page(&snapshot("plain", 2)));
    let mut hostile = snapshot("</bdi><script>alert('1')</script>\" onload=\"&lt;", 2);
    hostile.id = "</title><img src=x>".into();
    let page = page(&hostile);
    assert_eq!(check(&page), plain, "no name makes an element");
    assert!(page.contains("<bdi>&lt;/bdi&gt;&lt;script&gt;alert(&#39;1&#39;)"));
    assert!(page.contains("onload=&quot;&amp;lt;"));
}

#[test]
fn the_page_asks_for_nothing() {
    let page = page(&huge());
    assert!(page.contains("content=\"default-src 'none'; style-src 'unsafe-inline';"));
    for outside in ["http:", "https:", "//", "src=", "href=", "@import", "<script", "<link", "onload"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(page.matches("url(").count(), page.matches("url(#hatch)").count());
}

#[test]
fn the_page_is_short_and_its_numbers_are_numbers_whatever_the_container_says() {
    let page = page(&huge());
    check(&page);
    assert!(page.len() < 100_000, "{} bytes", page.len());
    for wrong in ["NaN", "inf%", "=\"-1", "-0."] {
        assert!(!page.contains(wrong), "{wrong}");
    }
    for attribute in [" x=\"", " width=\"", " height=\"", " y=\""] {
        for value in page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()) {
            let number: f64 = value.trim_end_matches('%').parse().expect("it is a number");
            assert!((-8.0..=300.0).contains(&number), "{attribute}{value}");
        }
    }
}

#[test]
fn each_pack_has_a_row_until_there_are_too_many() {
    let rows = |page: &str| page.matches("<td class=\"bar\">").count();
    let few = page(&snapshot("few", 24));
    assert_eq!(rows(&few), 24);
    assert!(few.contains("Full packs: 24 of 24. A pack that has reached 100 bytes"));
    assert!(!few.contains("Each row adds up") && !few.contains("Most dead bytes"));
    let many = page(&snapshot("many", 25));
    assert_eq!(rows(&many), 13 + 5, "13 rows of two packs, and the five with the most dead bytes");
    assert!(many.contains("Each row adds up 2 packs.") && many.contains("Most dead bytes"));
    assert!(many.contains("<th scope=\"row\">22\u{2013}23</th>") && many.contains("<th scope=\"row\">24</th>"));
}

#[test]
fn packs_that_cannot_hold_their_objects_are_reported() {
    let mut damaged = snapshot("damaged", 3);
    assert!(!page(&damaged).contains("loosepack doctor"));
    damaged.packs[1].size = 0;
    let one = page(&damaged);
    check(&one);
    assert!(one.contains("A pack is missing, or shorter"), "{one}");
    damaged.packs[2].size = 74;
    assert!(page(&damaged).contains("2 packs are missing, or shorter"));
}

#[test]
fn compression_is_shown_as_size_against_length() {
    let mut compressed = snapshot("compressed", 1);
    compressed.survey.add(&packed(1000, 100));
    compressed.survey.add(&packed(1000, 300));
    compressed.survey.add(&packed(500, 500));
    let page = page(&compressed);
    check(&page);
    assert!(page.contains("2 of 3 objects in packs are compressed, to 20% of their size."));
    assert!(page.contains("compressed: 1.9 KiB, stored as they are: 500 bytes."), "the size");
    assert!(page.contains("compressed: 400 bytes, stored as they are: 500 bytes."), "the length");
}

/// The relative luminance of a colour `#rrggbb`, as WCAG 2 defines it.
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).expect("two digits")) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

#[test]
fn text_and_bars_stand_out_in_both_schemes() {
    let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").expect("there are two schemes");
    for scheme in [light, dark] {
        let colour = |name: &str| {
            let (_, rest) = scheme.split_once(&format!("--{name}: ")).expect("the colour is defined");
            luminance(&rest[..7])
        };
        let contrast = |a: &str, b: &str| {
            let (a, b) = (colour(a), colour(b));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        for (text, ground) in
            [("text", "card"), ("text", "ground"), ("text", "warning"), ("muted", "card"), ("muted", "ground")]
        {
            assert!(contrast(text, ground) >= 4.5, "{text} on {ground}: {}", contrast(text, ground));
        }
        for bar in ["packed", "both", "loose", "dead", "index", "unfinished", "compressed", "plain"] {
            for ground in ["card", "track"] {
                let least = if ground == "card" { 3.0 } else { 2.3 };
                assert!(contrast(bar, ground) >= least, "{bar} on {ground}: {}", contrast(bar, ground));
            }
        }
    }
}
