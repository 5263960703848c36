//! The page of `loosepack status --html`: a container in pictures, in one file that asks for nothing else.

mod bars;
mod clock;
mod compression;
mod figures;
mod histogram;
mod markup;
mod numbers;
mod packs;
mod sizes;
mod snapshot;
mod space;
mod summary;
mod survey;

pub(crate) use self::snapshot::Snapshot;

use loosepack::Sharing;

use self::clock::utc;
use self::markup::escape;
use crate::sizes::human;

/// The style sheet. It is part of the page.
const STYLE: &str = include_str!("report/page.css");

/// What a browser may do with the page, so that even text that were not escaped could neither run nor fetch anything.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The filling of dead bytes, which all pictures refer to: stripes, for those who cannot tell its colour.
const HATCH: &str = "<svg class=\"defs\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs><pattern id=\"hatch\" \
    width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><rect width=\"6\" \
    height=\"6\" class=\"ground\"/><rect width=\"2.5\" height=\"6\" class=\"stripe\"/></pattern></defs></svg>\n";

/// Draws the page. Its length is bounded, however large the container is.
pub(crate) fn page(snapshot: &Snapshot) -> String {
    let id = escape(&snapshot.id);
    let parts = [
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>loosepack {id}</title>\n"
        ),
        format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n"),
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n".into(),
        "<meta name=\"color-scheme\" content=\"light dark\">\n".into(),
        format!("<style>\n{STYLE}</style>\n</head>\n<body>\n{HATCH}"),
        header(snapshot),
        "<main>\n".into(),
        summary::tiles(snapshot),
        summary::advice(snapshot),
        space::section(snapshot),
        packs::section(&snapshot.packs, snapshot.config.pack_target),
        sizes::section(&snapshot.survey),
        compression::section(&snapshot.survey),
        figures::section(snapshot),
        "</main>\n".into(),
        footer(snapshot),
        "</body>\n</html>\n".into(),
    ];
    parts.concat()
}

fn header(snapshot: &Snapshot) -> String {
    let (id, directory) = (escape(&snapshot.id), escape(&snapshot.directory));
    let (target, level) = (human(snapshot.config.pack_target), snapshot.config.compression_level);
    let shared = match snapshot.config.shared {
        Sharing::Group => ", shared with the group",
        Sharing::Umask => "",
    };
    let (machine, people) = (utc(snapshot.taken).machine(), utc(snapshot.taken).people());
    format!(
        "<header>\n<p class=\"kind\">loosepack container</p>\n<h1><bdi>{directory}</bdi></h1>\n\
         <p><code id=\"container\">{id}</code></p>\n\
         <p>Packs of {target}, compression level {level}{shared}; as of <time datetime=\"{machine}\">{people}</time></p>\n\
         </header>\n"
    )
}

fn footer(snapshot: &Snapshot) -> String {
    format!(
        "<footer><p>Made by <code>loosepack status --html</code>, version {}. Figures are read one after \
         the other: they may differ from each other if others were writing.</p>{}</footer>\n",
        env!("CARGO_PKG_VERSION"),
        if snapshot.packs.is_empty() { "" } else { "<p>Striped parts are dead: <code>repack</code> frees them.</p>" },
    )
}

#[cfg(test)]
mod tests;
