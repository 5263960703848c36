//! Reading in every way.

use std::collections::{BTreeMap, BTreeSet};

use loosepack::{Container, Content, Error, ObjectId};

use super::world::World;
use crate::sim::SimDir;
use crate::support::{Rng, id};

/// Reads all objects in every way. What is sound reads right; what may fail reads right or is an error. Returns the
/// number of reads.
pub(super) fn reads(world: &World, store: &Container<SimDir>, may_fail: &BTreeSet<ObjectId>, rng: &mut Rng) -> usize {
    let check = |id: &ObjectId, found: Result<Vec<u8>, Error>, way: &str| match found {
        Ok(bytes) => assert!(bytes == world.contents[id], "{way}: {id} reads wrong"),
        Err(error) => assert!(may_fail.contains(id), "{way}: {id} is sound: {error}"),
    };
    for (id, content) in &world.contents {
        check(id, store.get(id), "get");
        check(id, stream(store, id, rng), "stream");
        check(id, to_file(store, id), "to a file");
        if !may_fail.contains(id) {
            seeks(store, id, content, rng);
            assert_eq!(store.info(id).map(|info| info.size), Ok(content.len() as u64), "info of {id}");
        }
    }
    many(world, store, may_fail, rng);
    lists(world, store, may_fail, rng);
    world.contents.len() * 5
}

fn stream(store: &Container<SimDir>, id: &ObjectId, rng: &mut Rng) -> Result<Vec<u8>, Error> {
    let mut reader = store.reader(id)?;
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 1 + rng.below(reader.size() * 2 + 2) as usize]);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(bytes),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

fn to_file(store: &Container<SimDir>, id: &ObjectId) -> Result<Vec<u8>, Error> {
    let target = SimDir::new();
    store.get_to_file(id, &target, "object")?;
    Ok(target.bytes("object"))
}

/// Parts of an object.
fn seeks(store: &Container<SimDir>, id: &ObjectId, content: &[u8], rng: &mut Rng) {
    let mut reader = store.reader(id).unwrap();
    for _ in 0..3 {
        let position = rng.below(content.len() as u64 + 1);
        reader.seek(position);
        let mut buffer = vec![0; 1 + rng.below(900) as usize];
        let read = reader.read(&mut buffer).unwrap();
        assert!(buffer[..read] == content[position as usize..][..read], "{id} from byte {position}");
        assert_eq!(read == 0, position == content.len() as u64);
    }
}

/// All at once, in any order, some of them twice, and others that are not there.
fn many(world: &World, store: &Container<SimDir>, may_fail: &BTreeSet<ObjectId>, rng: &mut Rng) {
    let known: Vec<ObjectId> = world.contents.keys().copied().collect();
    let mut asked = known.clone();
    asked.extend((0..9).map(|_| id(&rng.next().to_le_bytes())));
    asked.extend((0..9).filter_map(|_| known.get(rng.below(known.len() as u64) as usize)));
    asked.sort_by_cached_key(|_| rng.next());
    let mut batch = store.read_many(asked.clone()).unwrap();
    let mut answers = BTreeMap::new();
    while let items = batch.next_items()
        && !items.is_empty()
    {
        for (id, content) in items {
            assert!(answers.insert(id, content).is_none(), "{id} is answered twice");
        }
    }
    assert!(answers.keys().eq(asked.iter().collect::<BTreeSet<_>>()), "each is answered");
    for (id, answer) in answers {
        match (answer, world.contents.get(&id)) {
            (Content::Bytes(found), Some(content)) => assert!(found == *content, "{id} reads wrong"),
            (Content::TooLarge(size), Some(content)) if !may_fail.contains(&id) => {
                assert_eq!(size, content.len() as u64)
            }
            (Content::Missing, None) => {}
            (answer, _) => assert!(may_fail.contains(&id), "{id}: {answer:?}"),
        }
    }
    for (id, found) in asked.iter().zip(store.contains(&asked).unwrap()) {
        assert!(found == world.contents.contains_key(id) || may_fail.contains(id), "{id} is there: {found}");
    }
}

fn lists(world: &World, store: &Container<SimDir>, may_fail: &BTreeSet<ObjectId>, rng: &mut Rng) {
    let most = [7, 500][rng.below(2) as usize];
    let limit = 1 + rng.below(most) as usize;
    let mut listed: Vec<ObjectId> = Vec::new();
    while let page = store.objects(listed.last(), limit).unwrap()
        && !page.is_empty()
    {
        assert!(page.len() <= limit);
        listed.extend(page);
    }
    assert!(listed.is_sorted_by(|a, b| a < b), "the list is sorted");
    assert!(listed.iter().all(|id| world.contents.contains_key(id)), "what is listed is there");
    let sound = world.contents.keys().filter(|id| !may_fail.contains(id));
    sound.for_each(|id| assert!(listed.binary_search(id).is_ok(), "{id} is not listed"));
}
