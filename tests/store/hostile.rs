//! Hostile things in a container on a real file system, natively: nothing hangs, nothing outside is touched, nothing
//! reads wrong.

use loosepack::dir::cap::CapDir;
use loosepack::{Code, Compression, Container, Content, Durability, Error, ObjectId, Options, Placement};

use crate::planted::{Planted, Template, Thing};
use crate::support::run;

fn options() -> Options {
    Options { durability: Durability::None, ..Options::default() }
}

/// An error that says what is wrong.
fn judge(planted: &Planted, error: &Error) {
    let clear = match error {
        Error::Corrupt(damage) => !damage.file.is_empty(),
        Error::Io(failure) => failure.code != Code::Other,
        Error::Locked(_) => planted.place.starts_with("lock/"),
        Error::NoContainer => planted.place == "container.json",
        Error::NotFound(_) => planted.place.starts_with("loose"),
        _ => false,
    };
    assert!(clear, "{}: {error:?}", planted.name);
}

fn read(planted: &Planted, template: &Template, store: &Container<CapDir>) {
    for (id, content) in &template.contents {
        match store.get(id) {
            Ok(bytes) => assert!(bytes == *content, "{}: {id} reads wrong", planted.name),
            Err(error) => {
                judge(planted, &error);
                let pack = match store.info(id).map(|info| info.placement) {
                    Ok(Placement::Packed(location)) => Some(location.pack),
                    _ => None,
                };
                let file = match pack {
                    Some(pack) => format!("packs/{pack}"),
                    None => format!("loose/{}/{}", &id.to_string()[..2], &id.to_string()[2..]),
                };
                if planted.place == file && planted.thing != Thing::Vast {
                    assert!(matches!(error, Error::Corrupt(_)), "{}: {error}", planted.name);
                }
            }
        }
        let mut buffer = vec![0; 100_000];
        if let Ok(mut reader) = store.reader(id) {
            while reader.read(&mut buffer).is_ok_and(|len| len > 0) {}
        }
        let target = tempfile::tempdir().unwrap();
        let copied = store.get_to_file(id, &CapDir::open(target.path()).unwrap(), "copy");
        let copy = std::fs::read(target.path().join("copy")).ok();
        assert_eq!(copied.is_ok(), copy.is_some_and(|bytes| bytes == *content), "{}: {copied:?}", planted.name);
    }
    let ids: Vec<ObjectId> = template.contents.keys().copied().collect();
    let mut batch = store.read_many(ids.clone()).expect("the index was read at opening");
    let mut answered = 0;
    while let answers = batch.next_items()
        && !answers.is_empty()
    {
        answered += answers.len();
        for (id, answer) in answers {
            match answer {
                Content::Bytes(bytes) => assert!(bytes == template.contents[&id], "{}: {id} reads wrong", planted.name),
                Content::Failed(error) => judge(planted, &error),
                Content::Missing | Content::TooLarge(_) => {}
            }
        }
    }
    assert_eq!(answered, ids.len());
    let results = [store.contains(&ids).err(), store.objects(None, 1000).err(), store.stats().err()];
    results.iter().flatten().for_each(|error| judge(planted, error));
}

fn write(planted: &Planted, store: &Container<CapDir>) {
    let mut results = Vec::from([store.add(b"added").err(), store.add_source(&mut &b"added as well"[..]).err()]);
    results.push(store.writer().and_then(|mut writer| writer.write(b"written").and_then(|()| writer.finish())).err());
    results.push(store.pack_loose(Compression::Auto).and_then(run).err());
    results.push(store.clean().and_then(run).err());
    results.push(
        store
            .pack_writer(Compression::Never)
            .and_then(|mut writer| writer.add(b"packed").and_then(|_| writer.finish()))
            .err(),
    );
    results.push(store.force_unlock().err());
    results.iter().flatten().for_each(|error| judge(planted, error));
}

#[test]
fn nothing_hostile_hangs_leads_outside_or_reads_wrong() {
    let root = tempfile::tempdir().unwrap();
    let template = Template::new(root.path());
    let mut cases = 0;
    for planted in template.each() {
        planted.watched(|planted| {
            for round in 0..2 {
                match Container::open(CapDir::open(&planted.container).unwrap(), options()) {
                    Ok(store) => {
                        read(planted, &template, &store);
                        if round == 0 {
                            write(planted, &store);
                        }
                    }
                    Err(error) => judge(planted, &error),
                }
            }
        });
        cases += 1;
    }
    assert!(cases > 100, "{cases}");
    println!("{cases} hostile containers");
}
