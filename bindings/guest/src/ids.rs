//! Lists of IDs as the store takes them: the digests one after the other, 32 bytes each.

use std::fmt::Write as _;

use crate::store_types::ObjectIds;

/// Bytes of a digest.
pub const DIGEST: usize = 32;

/// The digest that an ID of 64 lowercase hex digits names; `None` for any other text.
pub fn digest(id: &str) -> Option<[u8; DIGEST]> {
    let digits = id.as_bytes();
    if digits.len() != 2 * DIGEST {
        return None;
    }
    let mut digest = [0; DIGEST];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(digest)
}

/// The ID of a digest.
pub fn id(digest: &[u8; DIGEST]) -> String {
    let mut id = String::with_capacity(2 * DIGEST);
    for byte in digest {
        let _ = write!(id, "{byte:02x}");
    }
    id
}

/// The digests in a list that the store returned.
pub fn digests(ids: &ObjectIds) -> impl Iterator<Item = [u8; DIGEST]> + '_ {
    ids.as_chunks().0.iter().copied()
}

fn value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{DIGEST, digest, digests, id};

    #[test]
    fn ids_and_digests_are_each_other() {
        let bytes: [u8; DIGEST] = std::array::from_fn(|at| (at * 37) as u8);
        let text = id(&bytes);
        assert_eq!((text.len(), &text[..8]), (2 * DIGEST, "00254a6f"));
        assert_eq!(digest(&text), Some(bytes));
        for wrong in ["", &text[1..], &text.to_uppercase(), &text.replace('0', "g"), &format!("{text}0")] {
            assert_eq!(digest(wrong), None, "{wrong}");
        }
        let list = [bytes, [1; DIGEST]].concat();
        assert!(digests(&list).eq([bytes, [1; DIGEST]]));
    }
}
