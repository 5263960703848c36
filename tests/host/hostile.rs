//! Hostile things in a container, through the component and the command: nothing hangs, nothing outside is touched,
//! nothing reads wrong, and memory and time stay within narrow limits.

use std::io::Read as _;
use std::time::Duration;

use loosepack::Code;
use loosepack_host::{
    Compression, Container, Content, Durability, Error, Limits, ObjectId, Options, Result, Runtime, StoreError,
};

use crate::planted::{Planted, Template, Thing};
use crate::support::{TempDir, loosepack};

/// An error of the store that says what is wrong; a component that was stopped is none.
fn judge(planted: &Planted, error: &Error) {
    let clear = match error {
        Error::Store(StoreError::Corrupt(damage)) => !damage.file.is_empty(),
        Error::Store(StoreError::Io(failure)) => failure.code != Code::Other,
        Error::Store(StoreError::Locked(_)) => planted.place.starts_with("lock/"),
        Error::Store(StoreError::NoContainer) => planted.place == "container.json",
        Error::Store(StoreError::NotFound(_)) => planted.place.starts_with("loose"),
        // It has 64 MiB, which is all the memory there is.
        Error::Store(StoreError::TooLarge(_)) => planted.thing == Thing::Vast,
        _ => false,
    };
    assert!(clear, "{}: {error:?}", planted.name);
}

fn read(planted: &Planted, template: &Template, store: &mut Container) {
    let target = TempDir::new();
    let ids: Vec<ObjectId> = template.contents.keys().copied().collect();
    for (id, content) in &template.contents {
        match store.get(id) {
            Ok(bytes) => assert!(bytes == *content, "{}: {id} reads wrong", planted.name),
            Err(error) => judge(planted, &error),
        }
        if let Ok(mut reader) = store.reader(id) {
            let mut bytes = Vec::new();
            if reader.read_to_end(&mut bytes).is_ok() {
                assert!(bytes == *content, "{}: {id} reads wrong", planted.name);
            }
        }
        match store.get_to_file(id, target.path(), "copy") {
            Ok(_) => assert!(std::fs::read(target.join("copy")).unwrap() == *content, "{}: {id}", planted.name),
            Err(error) => judge(planted, &error),
        }
    }
    let mut batch = store.read_many(&ids).expect("the index was read at opening");
    while let answers = batch.next_items().expect("an object that fails is an answer")
        && !answers.is_empty()
    {
        for (id, answer) in answers {
            match answer {
                Content::Bytes(bytes) => assert!(bytes == template.contents[&id], "{}: {id} reads wrong", planted.name),
                Content::Failed(error) => judge(planted, &error.into()),
                Content::Missing | Content::TooLarge(_) => {}
            }
        }
    }
    drop(batch);
    let results = [store.contains(&ids).err(), store.objects(None, 1000).err(), store.stats().err()];
    results.iter().flatten().for_each(|error| judge(planted, error));
}

fn write(planted: &Planted, store: &mut Container) {
    let direct = |store: &mut Container| -> Result<()> {
        let mut writer = store.pack_writer(Compression::Never)?;
        writer.add(b"packed")?;
        writer.finish()
    };
    let results = [
        store.add(b"added").err(),
        store.add_reader(&b"added as well"[..]).err(),
        store.pack_loose(Compression::Auto).and_then(|mut job| job.finish()).err(),
        store.clean().and_then(|mut job| job.finish()).err(),
        direct(store).err(),
        store.force_unlock().err(),
    ];
    results.iter().flatten().for_each(|error| judge(planted, error));
}

#[test]
fn nothing_hostile_hangs_leads_outside_or_reads_wrong() {
    let root = TempDir::new();
    let template = Template::new(root.path());
    let limits = Limits { memory: 64 << 20, call: Some(Duration::from_secs(20)) };
    let runtime = Runtime::with_limits(limits).unwrap();
    let options = Options { durability: Durability::None, ..Options::default() };
    let mut cases = 0;
    for planted in template.each() {
        planted.watched(|planted| {
            for round in 0..2 {
                match runtime.open_with(&planted.container, options.clone()) {
                    Ok(mut store) => {
                        read(planted, &template, &mut store);
                        if round == 0 {
                            write(planted, &mut store);
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

#[test]
fn no_command_hangs_or_leads_outside() {
    let root = TempDir::new();
    let template = Template::new(root.path());
    let id = template.contents.keys().next().unwrap().to_string();
    for planted in template.each().filter(|planted| [Thing::Pipe, Thing::LinkToOutside].contains(&planted.thing)) {
        let link = planted.container.with_file_name("store");
        std::fs::rename(&planted.container, &link).unwrap();
        planted.watched(|planted| {
            for arguments in
                [&["ls"][..], &["get", &id], &["has", &id], &["info"], &["pack"], &["clean"], &["unlock", "--force"]]
            {
                let ran = loosepack(link.parent().unwrap(), [&["--no-sync"], arguments].concat());
                assert!((0..=2).contains(&ran.code), "{} {arguments:?}: {}", planted.name, ran.stderr);
                assert!(!ran.stderr.contains("stopped"), "{} {arguments:?}: {}", planted.name, ran.stderr);
                assert!(ran.code == 0 || !ran.stderr.is_empty() || arguments[0] == "has", "{}", planted.name);
            }
        });
    }
}
