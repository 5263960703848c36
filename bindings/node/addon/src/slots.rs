//! What is open in a container: closing the container closes all of it, whatever JavaScript still refers to.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::errors::{Result, closed};

/// The list is searched for what is gone when it has become this long, and twice as long as after the last search.
const SEARCH_MIN: usize = 64;

/// A value that is gone when it was taken, or when its container was closed.
pub(crate) struct Slot<T>(Rc<RefCell<Option<T>>>);

impl<T> Slot<T> {
    /// Uses the value.
    ///
    /// # Errors
    /// `closed`.
    pub(crate) fn with<R>(&self, call: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let mut value = self.0.try_borrow_mut().map_err(|_| closed())?;
        call(value.as_mut().ok_or_else(closed)?)
    }

    /// Takes the value out.
    ///
    /// # Errors
    /// `closed`.
    pub(crate) fn take(&self) -> Result<T> {
        self.0.try_borrow_mut().ok().and_then(|mut value| value.take()).ok_or_else(closed)
    }
}

/// Drops a value before its time.
trait Close {
    fn close(&self);
}

impl<T> Close for RefCell<Option<T>> {
    fn close(&self) {
        // Dropped when it is no longer borrowed.
        let value = self.try_borrow_mut().ok().and_then(|mut value| value.take());
        drop(value);
    }
}

/// All that is open in a container.
#[derive(Default)]
pub(crate) struct Slots(RefCell<List>);

#[derive(Default)]
struct List {
    open: Vec<Weak<dyn Close>>,
    /// Length after the last search for what is gone.
    searched: usize,
}

impl Slots {
    /// Keeps a value until it is taken or closed, or its slot is dropped.
    pub(crate) fn keep<T: 'static>(&self, value: T) -> Slot<T> {
        let cell = Rc::new(RefCell::new(Some(value)));
        let weak: Weak<RefCell<Option<T>>> = Rc::downgrade(&cell);
        let mut list = self.0.borrow_mut();
        if list.open.len() >= SEARCH_MIN.max(2 * list.searched) {
            list.open.retain(|weak| weak.strong_count() > 0);
            list.searched = list.open.len();
        }
        list.open.push(weak);
        Slot(cell)
    }

    /// Closes all of them, the youngest first.
    pub(crate) fn close(&self) {
        let open = std::mem::take(&mut self.0.borrow_mut().open);
        open.iter().rev().filter_map(Weak::upgrade).for_each(|slot| slot.close());
    }
}
