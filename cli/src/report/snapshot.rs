//! What the page shows: read from a container once, in bounded memory but for a few words for each pack.

use std::time::SystemTime;

use loosepack::{Config, ObjectId, PackInfo, Stats, Store};

use super::survey::Survey;
use crate::failure::Failure;
use crate::names::shown;
use crate::session::Session;

/// Objects that are counted together.
const PAGE: u32 = 8192;

/// A container at a moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The name of its directory.
    pub(super) directory: String,
    /// When it was read.
    pub(super) taken: SystemTime,
    /// Its identifier.
    pub(super) id: String,
    /// Its settings.
    pub(super) config: Config,
    /// Its counts and sizes.
    pub(super) stats: Stats,
    /// Its packs, by number.
    pub(super) packs: Vec<PackInfo>,
    /// Its objects, counted.
    pub(super) survey: Survey,
}

impl Snapshot {
    /// Reads a container. Asks for the size of every object, and shows how far that is.
    pub(crate) fn take(session: &Session<'_>, store: &dyn Store) -> Result<Self, Failure> {
        let read = || Ok((store.id()?, store.config()?, store.stats()?, store.packs()?));
        let (id, config, stats, packs) = read().map_err(|error| session.failure(error))?;
        let directory = session.directory()?;
        // The name that `.` stands for, where it can be asked for.
        let resolved = directory.canonicalize().ok();
        let name = resolved.as_deref().and_then(|path| path.file_name()).unwrap_or(directory.as_os_str());
        Ok(Snapshot {
            directory: shown(name),
            taken: SystemTime::now(),
            id,
            config,
            packs,
            survey: survey(session, store, stats.packed_objects.saturating_add(stats.loose_objects))?,
            stats,
        })
    }

    /// Dead bytes of all packs, exactly.
    pub(super) fn dead(&self) -> u64 {
        self.packs.iter().fold(0, |sum, pack| sum.saturating_add(pack.dead()))
    }
}

/// Counts all objects; `total` is about their number.
fn survey(session: &Session<'_>, store: &dyn Store, total: u64) -> Result<Survey, Failure> {
    let (mut survey, mut after, mut progress) = (Survey::default(), None::<ObjectId>, session.progress());
    loop {
        let read = || {
            let page = store.objects(after.as_ref(), PAGE)?;
            let infos = store.info_many(&page)?;
            Ok((page.last().copied(), infos))
        };
        let (last, infos) = read().map_err(|error| {
            progress.clear();
            session.failure(error)
        })?;
        if last.is_none() {
            progress.clear();
            return Ok(survey);
        }
        after = last;
        // One without was removed since it was listed.
        infos.iter().flatten().for_each(|info| survey.add(info));
        progress.counted(survey.total().objects, total);
    }
}
