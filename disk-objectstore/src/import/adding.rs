//! The adder at work in a thread of its own, while the next objects are read.

use std::mem;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};

use loosepack::store::Adder;

use super::batch::{Batch, Outcome};
use crate::Error;

/// The adder. Whoever needs it locks it.
pub(super) type Shared<'a> = Mutex<&'a mut dyn Adder>;

/// Adds batch after batch.
pub(super) struct Adding<'s, 'a> {
    adder: &'s Shared<'a>,
    compress: bool,
    /// `None` on a machine of one processor, and where the system gives no thread: batches are added at once.
    thread: Option<Thread>,
    /// Batches that were given to the thread, and not answered yet: one at most.
    going: bool,
}

struct Thread {
    batches: SyncSender<Batch>,
    outcomes: Receiver<Result<Outcome, Error>>,
}

impl<'s, 'a> Adding<'s, 'a> {
    /// Starts the thread. It ends when this is dropped.
    pub(super) fn start(scope: &'s Scope<'s, '_>, adder: &'s Shared<'a>, compress: bool) -> Self {
        let ((batches, next), (answers, outcomes)) = (sync_channel::<Batch>(1), sync_channel(1));
        let work = move || {
            for batch in next {
                // Nobody waits for the answer of an import that has failed.
                let _ = answers.send(batch.add(&mut **lock(adder), compress));
            }
        };
        let many = thread::available_parallelism().is_ok_and(|processors| processors.get() > 1);
        let started = many && thread::Builder::new().spawn_scoped(scope, work).is_ok();
        Adding { adder, compress, thread: started.then_some(Thread { batches, outcomes }), going: false }
    }

    /// Starts to add a batch. Returns what came of the one before, or of this one if it is done.
    ///
    /// # Errors
    /// Failures of our container.
    pub(super) fn add(&mut self, batch: Batch) -> Result<Outcome, Error> {
        let Some(thread) = &self.thread else { return batch.add(&mut **self.adder(), self.compress) };
        // It has room: there is one batch at most that was not answered.
        let sent = thread.batches.send(batch);
        let before = mem::replace(&mut self.going, true);
        sent.map_err(|_| ended())?;
        if before { thread.outcomes.recv().map_err(|_| ended())? } else { Ok(Outcome::default()) }
    }

    /// Waits until the thread has nothing to do. Returns what came of the last batch.
    ///
    /// # Errors
    /// Failures of our container.
    pub(super) fn wait(&mut self) -> Result<Outcome, Error> {
        match &self.thread {
            Some(thread) if mem::take(&mut self.going) => thread.outcomes.recv().map_err(|_| ended())?,
            _ => Ok(Outcome::default()),
        }
    }

    /// The reason for a failure of the adder: what the batch before has failed with, if it has.
    pub(super) fn cause(&mut self, error: loosepack::Error) -> Error {
        self.wait().err().unwrap_or(Error::Store(error))
    }

    /// The adder itself. [`Adding::wait`] comes first, where order matters.
    pub(super) fn adder(&self) -> MutexGuard<'s, &'a mut dyn Adder> {
        lock(self.adder)
    }
}

fn lock<'s, 'a>(adder: &'s Shared<'a>) -> MutexGuard<'s, &'a mut dyn Adder> {
    // Whoever waits for a thread that panicked goes on with its panic: nobody is left to see what it left behind.
    adder.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The thread panicked: the scope goes on with its panic.
fn ended() -> Error {
    Error::Other("the thread that adds ended".into())
}
