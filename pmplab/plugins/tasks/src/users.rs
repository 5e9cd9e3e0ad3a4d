//! What belongs to a user beyond one action: sessions, kept from when an action leaves them until the user is gone.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// A user that opens more than this loses what it used least recently.
const KEEP: usize = 16;

/// Sessions by user. A clone is the same store: an action that ends puts its session back by it.
pub struct Users<S> {
    kept: Rc<RefCell<HashMap<u64, Vec<S>>>>,
}

impl<S> Clone for Users<S> {
    fn clone(&self) -> Self {
        Self {
            kept: Rc::clone(&self.kept),
        }
    }
}

impl<S> Default for Users<S> {
    fn default() -> Self {
        Self {
            kept: Rc::default(),
        }
    }
}

impl<S> Users<S> {
    /// The user is here: what its actions keep is kept.
    pub fn enter(&self, user: u64) {
        self.kept.borrow_mut().entry(user).or_default();
    }

    /// Takes out the session used last that fits.
    #[must_use]
    pub fn take(&self, user: u64, fits: impl Fn(&S) -> bool) -> Option<S> {
        let mut kept = self.kept.borrow_mut();
        let list = kept.get_mut(&user)?;
        let at = list.iter().rposition(fits)?;
        Some(list.remove(at))
    }

    /// Keeps a session for the user's next actions. What could not be kept comes back: the user is gone, or had too many.
    #[must_use]
    pub fn keep(&self, user: u64, session: S) -> Option<S> {
        let mut kept = self.kept.borrow_mut();
        let Some(list) = kept.get_mut(&user) else {
            return Some(session);
        };
        list.push(session);
        (list.len() > KEEP).then(|| list.remove(0))
    }

    /// The user is gone; what it had kept.
    #[must_use]
    pub fn end(&self, user: u64) -> Vec<S> {
        self.kept.borrow_mut().remove(&user).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_kept_for_its_user_alone_until_the_user_is_gone() {
        let users = Users::default();
        users.enter(1);
        assert_eq!(users.keep(1, "a"), None);
        assert_eq!(users.keep(1, "b"), None);
        assert_eq!(users.take(2, |_| true), None);
        assert_eq!(users.take(1, |name| *name == "a"), Some("a"));
        assert_eq!(users.end(1), ["b"]);
        assert_eq!(users.keep(1, "c"), Some("c"), "nobody is there to use it");
    }

    #[test]
    fn what_was_used_least_recently_gives_way() {
        let users = Users::default();
        users.enter(1);
        let gone: Vec<usize> = (0..KEEP + 2).filter_map(|n| users.keep(1, n)).collect();
        assert_eq!(gone, [0, 1]);
    }
}
