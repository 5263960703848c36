//! The names of their objects.

use std::fmt;

use loosepack::ObjectId;
use loosepack::codec::Sha256;
use sha1::Digest as _;

/// Digits of the longest key.
const LONGEST: usize = 64;

/// The hash that names the objects of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    /// The hash of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "sha1" => Some(Hash::Sha1),
            "sha256" => Some(Hash::Sha256),
            _ => None,
        }
    }

    /// Digits of a key.
    pub(crate) fn digits(self) -> usize {
        match self {
            Hash::Sha1 => 40,
            Hash::Sha256 => LONGEST,
        }
    }
}

/// The name of an object: as many digits `0-9a-f` as its hash has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    hash: Hash,
    text: [u8; LONGEST],
}

impl Key {
    /// The key that a text is; `None` for anything else.
    pub(crate) fn new(hash: Hash, text: &[u8]) -> Option<Self> {
        let is_key = text.len() == hash.digits() && text.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let mut key = Key { hash, text: [0; LONGEST] };
        is_key.then(|| key.text[..text.len()].copy_from_slice(text))?;
        Some(key)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.text[..self.hash.digits()]).unwrap_or_default()
    }

    /// The name that the object has with us, if that follows from its key.
    pub(crate) fn id(&self) -> Option<ObjectId> {
        (self.hash == Hash::Sha256).then(|| ObjectId::from_hex(self.text().as_bytes())).flatten()
    }

    /// Returns whether these bytes have this key.
    pub(crate) fn matches(&self, bytes: &[u8]) -> bool {
        let mut hashing = Hashing::new(*self);
        hashing.update(bytes);
        hashing.finish()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// The comparison of bytes that come piece by piece with a key.
pub(crate) struct Hashing {
    key: Key,
    state: State,
}

enum State {
    Sha1(sha1::Sha1),
    Sha256(Sha256),
}

impl Hashing {
    pub(crate) fn new(key: Key) -> Self {
        let state = match key.hash {
            Hash::Sha1 => State::Sha1(sha1::Sha1::new()),
            Hash::Sha256 => State::Sha256(Sha256::default()),
        };
        Hashing { key, state }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Sha1(state) => state.update(bytes),
            State::Sha256(state) => state.update(bytes),
        }
    }

    /// Returns whether the bytes have the key.
    pub(crate) fn finish(self) -> bool {
        match self.state {
            State::Sha1(state) => {
                let digits: String = state.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
                digits == self.key.text()
            }
            State::Sha256(state) => Some(state.finish()) == self.key.id(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_of_the_right_number_are_keys() {
        let sha1 = "a9993e364706816aba3e25717850c26c9cd0d89d";
        let key = Key::new(Hash::Sha1, sha1.as_bytes()).unwrap();
        assert!(key.matches(b"abc") && !key.matches(b"abd"));
        assert_eq!((key.text(), key.id()), (sha1, None));
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let key = Key::new(Hash::Sha256, sha256.as_bytes()).unwrap();
        assert!(key.matches(b"abc") && !key.matches(b"abd"));
        assert_eq!(key.id().unwrap().to_string(), sha256);
        let dots = format!("{}../../etc/passwd", "a".repeat(48));
        for wrong in ["", "a", sha1, &sha256.to_uppercase(), &sha256.replace('b', "/"), &dots, &format!("{sha256}a")] {
            assert!(Key::new(Hash::Sha256, wrong.as_bytes()).is_none(), "{wrong}");
        }
        assert!(Key::new(Hash::Sha1, sha256.as_bytes()).is_none());
    }
}
