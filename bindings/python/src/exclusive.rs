//! A lock that notices a thread that waits for itself.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// A value that one thread uses at a time. Using it may run code of Python, which may try to use it again.
pub(crate) struct Exclusive<T> {
    value: Mutex<T>,
    /// The thread that uses it.
    user: Mutex<Option<ThreadId>>,
}

impl<T> Exclusive<T> {
    pub(crate) fn new(value: T) -> Self {
        Exclusive { value: Mutex::new(value), user: Mutex::new(None) }
    }

    /// Uses the value as soon as no other thread does; `None` when this thread is using it already.
    pub(crate) fn with<R>(&self, run: impl FnOnce(&mut T) -> R) -> Option<R> {
        let this = thread::current().id();
        if *lock(&self.user) == Some(this) {
            return None;
        }
        let mut value = lock(&self.value);
        // Before the value is free again, whether or not there is a panic.
        let _user = User::new(&self.user, this);
        Some(run(&mut value))
    }

    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut().unwrap_or_else(PoisonError::into_inner)
    }
}

struct User<'a>(&'a Mutex<Option<ThreadId>>);

impl<'a> User<'a> {
    fn new(user: &'a Mutex<Option<ThreadId>>, this: ThreadId) -> Self {
        *lock(user) = Some(this);
        User(user)
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        *lock(self.0) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
