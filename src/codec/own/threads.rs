//! Work on all processors. On a machine that has one, and where there is little to do, it is done at once: handing it
//! over would cost more than it gains.

use alloc::vec::Vec;
use core::panic::AssertUnwindSafe;
use std::panic::{catch_unwind, resume_unwind};
use std::process;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock};
use std::thread::{self, JoinHandle};

use rayon_core::{ThreadPool, ThreadPoolBuilder};
use sha2::Digest as _;

use crate::id::ObjectId;

/// Bytes below which work is done at once: some ten times what waking a thread costs.
const SMALL: usize = 32 << 10;

/// Bytes of a stream from which on it is hashed by a thread of its own.
const LARGE: u64 = 1 << 20;

/// Pieces of a stream that may wait to be hashed.
const WAITING: usize = 8;

/// The threads that work; none on a machine of one processor, and where the system gives no threads. None either in a
/// process that was forked after they were started: they live in its parent, and would never answer.
fn pool() -> Option<&'static ThreadPool> {
    static POOL: OnceLock<(u32, Option<ThreadPool>)> = OnceLock::new();
    // A fork may leave a process in which somebody starts it for ever: then, as well as meanwhile, work is done at once.
    static STARTING: Mutex<()> = Mutex::new(());
    let start = || {
        let one = thread::available_parallelism().is_ok_and(|processors| processors.get() == 1);
        (process::id(), if one { None } else { ThreadPoolBuilder::new().build().ok() })
    };
    if POOL.get().is_none() {
        let _starting = STARTING.try_lock().ok()?;
        POOL.get_or_init(start);
    }
    let (process, pool) = POOL.get()?;
    if *process == process::id() { pool.as_ref() } else { None }
}

/// Work that has been started.
pub(super) enum Task<T> {
    Done(T),
    Going(Receiver<thread::Result<T>>),
}

impl<T: Send + 'static> Task<T> {
    /// Starts `work`, which has about `size` bytes to go through.
    pub(super) fn start(size: usize, work: impl FnOnce() -> T + Send + 'static) -> Self {
        let Some(pool) = (if size < SMALL { None } else { pool() }) else { return Task::Done(work()) };
        let (sender, receiver) = sync_channel(1);
        pool.spawn(move || {
            // Sending fails if the task was dropped: nobody waits for the result.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
        });
        Task::Going(receiver)
    }

    /// Waits for what comes of it.
    pub(super) fn finish(self) -> T {
        match self {
            Task::Done(result) => result,
            Task::Going(receiver) => {
                receiver.recv().expect("a task sends what came of it").unwrap_or_else(|panic| resume_unwind(panic))
            }
        }
    }
}

/// The id of bytes that come piece by piece.
#[derive(Default)]
pub struct Sha256 {
    state: State,
    len: u64,
}

enum State {
    Here(sha2::Sha256),
    /// The thread ends when the sender is dropped.
    There(SyncSender<Vec<u8>>, JoinHandle<sha2::Sha256>),
}

impl Default for State {
    fn default() -> Self {
        State::Here(sha2::Sha256::new())
    }
}

impl Sha256 {
    /// Appends `data`. May return before it has been hashed.
    pub fn update(&mut self, data: &[u8]) {
        self.len += data.len() as u64;
        if let State::Here(hash) = &mut self.state {
            if self.len < LARGE || pool().is_none() {
                return hash.update(data);
            }
            let (sender, receiver) = sync_channel::<Vec<u8>>(WAITING);
            let so_far = hash.clone();
            let rest = move || receiver.iter().fold(so_far, |hash, piece| hash.chain_update(piece));
            let Ok(thread) = thread::Builder::new().spawn(rest) else { return hash.update(data) };
            self.state = State::There(sender, thread);
        }
        if let State::There(sender, _) = &self.state {
            sender.send(data.to_vec()).expect("the thread lives as long as its sender");
        }
    }

    /// The id of everything appended.
    pub fn finish(self) -> ObjectId {
        let hash = match self.state {
            State::Here(hash) => hash,
            State::There(sender, thread) => {
                drop(sender);
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            }
        };
        ObjectId::from_bytes(hash.finalize().into())
    }
}
