//! Who uses bytes of the files of a cache, and who takes bytes out of them, among all threads of all processes.
//!
//! Bytes are written, compared and read by those who are inside. Whoever takes bytes out is alone meanwhile, and changes
//! the age of the files: who comes in later, and sees another age than before, reads anew what is there, and
//! compares it.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::room::can_take_out;

/// After this long a process leaves, and comes in anew, however many of its threads come and go.
const TURN: Duration = Duration::from_millis(20);

/// How often somebody tries to be alone, and how long is waited in between.
const ATTEMPTS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(2);

/// Bytes of the age.
const AGE: u64 = 8;

/// The gate of the files of a remote: a file that is locked, shared by those inside. It has the age of the files.
///
/// Another file is locked by who comes in, until he is inside, and by who waits to be alone: while he waits, nobody else
/// comes in.
pub(super) struct Gate {
    file: File,
    turn: File,
    state: Mutex<State>,
    left: Condvar,
}

struct State {
    /// Threads of this process that are inside.
    inside: usize,
    /// When the first of them came in, and what the age has been since.
    since: Instant,
    age: u64,
    /// A thread of this process wants to be alone.
    closing: bool,
}

/// Somebody is inside for as long as this lives.
pub(super) struct Inside<'a> {
    gate: &'a Gate,
    /// The age of the files.
    pub(super) age: u64,
}

impl Gate {
    /// Opens the gate of a folder.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let open =
            |name: &str| File::options().read(true).write(true).create(true).truncate(false).open(folder.join(name));
        let state = State { inside: 0, since: Instant::now(), age: 0, closing: false };
        let gate = Gate { file: open("gate")?, turn: open("turn")?, state: Mutex::new(state), left: Condvar::new() };
        // Its bytes are there before they are needed, which may be when there is no room. Alone: it may have an age by now.
        if gate.file.metadata()?.len() < AGE && try_lock(&gate.file)? {
            let written = gate.age().and_then(|age| gate.write_age(age));
            gate.file.unlock()?;
            written?;
        }
        Ok(gate)
    }

    /// Returns whether bytes can be taken out of files here.
    pub(super) fn can_take_out(&self) -> bool {
        can_take_out(&self.file)
    }

    /// Comes in. Nobody may do so who is inside already, or holds what somebody inside waits for.
    pub(super) fn enter(&self) -> io::Result<Inside<'_>> {
        let mut state = self.state();
        while state.closing || (state.inside > 0 && state.since.elapsed() > TURN) {
            state = self.left.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.inside == 0 {
            self.turn.lock_shared()?;
            let entered = self.file.lock_shared();
            self.turn.unlock()?;
            entered?;
            let age = self.age();
            if age.is_err() {
                self.file.unlock()?;
            }
            (state.age, state.since) = (age?, Instant::now());
        }
        state.inside += 1;
        Ok(Inside { gate: self, age: state.age })
    }

    /// Does something alone. `None` when somebody else is about to, or does not come out for long.
    pub(super) fn alone<T>(&self, act: impl FnOnce() -> T) -> io::Result<Option<T>> {
        let mut state = self.state();
        if state.closing {
            return Ok(None);
        }
        state.closing = true;
        while state.inside > 0 {
            state = self.left.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let acted = self.locked(|| {
            // Before anything is taken out: it may be done in part.
            self.write_age(self.age()?.wrapping_add(1))?;
            Ok(act())
        });
        state.closing = false;
        self.left.notify_all();
        acted
    }

    fn locked<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<Option<T>> {
        // Whoever comes in has the turn for a moment.
        if !lock_soon(&self.turn)? {
            return Ok(None);
        }
        let acted = match lock_soon(&self.file) {
            Ok(true) => {
                let acted = act();
                self.file.unlock().and(acted.map(Some))
            }
            other => other.map(|_| None),
        };
        self.turn.unlock()?;
        acted
    }

    /// The age that the file has. One without any has never been closed.
    fn age(&self) -> io::Result<u64> {
        let mut bytes = Vec::new();
        (&self.file).seek(SeekFrom::Start(0))?;
        (&self.file).take(AGE).read_to_end(&mut bytes)?;
        bytes.resize(AGE as usize, 0);
        Ok(u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
    }

    fn write_age(&self, age: u64) -> io::Result<()> {
        (&self.file).seek(SeekFrom::Start(0))?;
        (&self.file).write_all(&age.to_le_bytes())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Locks a file for one alone, if nobody has it. Returns whether that was so.
fn try_lock(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The same, tried for a while.
fn lock_soon(file: &File) -> io::Result<bool> {
    for _ in 0..ATTEMPTS {
        if try_lock(file)? {
            return Ok(true);
        }
        thread::sleep(PAUSE);
    }
    Ok(false)
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state();
        state.inside -= 1;
        if state.inside == 0 {
            // What cannot be unlocked is locked until the process ends: nothing is taken out meanwhile.
            let _ = self.gate.file.unlock();
            drop(state);
            self.gate.left.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// How often each of two wants to be alone.
    const TRIES: u64 = 20;

    /// Two gates of one file are those of two processes.
    #[test]
    fn whoever_is_alone_is_alone_and_others_notice() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (Gate::open(folder.path()).unwrap(), Gate::open(folder.path()).unwrap());
        let first = (one.enter().unwrap().age, two.enter().unwrap().age);
        assert_eq!(first, (0, 0));
        assert_eq!(one.alone(|| 7).unwrap(), Some(7));
        assert_eq!((one.enter().unwrap().age, two.enter().unwrap().age), (1, 1));
        let held = two.enter().unwrap();
        assert_eq!(one.alone(|| ()).unwrap(), None);
        drop(held);
        assert_eq!(one.alone(|| ()).unwrap(), Some(()));
        assert_eq!(two.enter().unwrap().age, 2);
    }

    #[test]
    fn nobody_is_inside_while_somebody_is_alone() {
        let folder = tempfile::tempdir().unwrap();
        let gates = [Gate::open(folder.path()).unwrap(), Gate::open(folder.path()).unwrap()];
        let (inside, alone, tries) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for gate in &gates {
                for _ in 0..2 {
                    scope.spawn(|| {
                        while tries.load(Ordering::SeqCst) < 2 * TRIES {
                            let entered = gate.enter().unwrap();
                            inside.fetch_add(1, Ordering::SeqCst);
                            // The age changes behind those who want to be alone.
                            assert!(entered.age >= alone.load(Ordering::SeqCst));
                            inside.fetch_sub(1, Ordering::SeqCst);
                        }
                    });
                }
                scope.spawn(|| {
                    for _ in 0..TRIES {
                        tries.fetch_add(1, Ordering::SeqCst);
                        let seen = gate.alone(|| {
                            alone.fetch_add(1, Ordering::SeqCst);
                            inside.load(Ordering::SeqCst)
                        });
                        assert!(matches!(seen.unwrap(), None | Some(0)));
                    }
                });
            }
        });
        // Though others came and went all the time.
        assert!(alone.load(Ordering::SeqCst) > 0);
    }
}
