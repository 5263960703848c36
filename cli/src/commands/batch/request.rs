//! One request, as a line of JSON.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use loosepack::{Error, ObjectId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::INLINE;
use crate::sizes::human;

/// A request, and what is repeated in its answer.
pub(super) struct Request {
    /// JSON of the one who asks.
    pub(super) tag: Option<Box<RawValue>>,
    /// What is asked for; a message about a request that is none.
    pub(super) wish: Result<Wish, String>,
}

/// What is asked for.
pub(super) enum Wish {
    Put(Content),
    Get(ObjectId, Form),
    GetFile(ObjectId, PathBuf),
    Has(ObjectId),
    Info(ObjectId),
    Delete(ObjectId),
}

/// Bytes to store.
pub(super) enum Content {
    File(PathBuf),
    Bytes(Vec<u8>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    op: Op,
    tag: Option<Box<RawValue>>,
    id: Option<String>,
    path: Option<PathBuf>,
    text: Option<String>,
    base64: Option<String>,
    #[serde(rename = "as")]
    form: Option<Form>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    Put,
    Get,
    Has,
    Info,
    Delete,
}

/// How the bytes of an object are part of an answer.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    Text,
    Base64,
}

/// The part of a request that is wanted although the rest makes no sense.
#[derive(Deserialize)]
struct Tagged {
    tag: Option<Box<RawValue>>,
}

impl Request {
    /// A request that is none.
    pub(super) fn invalid(message: String) -> Self {
        Request { tag: None, wish: Err(message) }
    }

    /// Reads a line.
    pub(super) fn parse(line: &[u8]) -> Self {
        match serde_json::from_slice::<Fields>(line) {
            Ok(mut fields) => Request { tag: fields.tag.take(), wish: fields.wish() },
            Err(error) => {
                let tag = serde_json::from_slice::<Tagged>(line).ok().and_then(|tagged| tagged.tag);
                Request { tag, wish: Err(format!("not a request: {error}")) }
            }
        }
    }
}

impl Wish {
    /// The object that exists already, or should.
    pub(super) fn id(&self) -> Option<ObjectId> {
        match self {
            Wish::Put(_) => None,
            Wish::Get(id, _) | Wish::GetFile(id, _) | Wish::Has(id) | Wish::Info(id) | Wish::Delete(id) => Some(*id),
        }
    }
}

impl Fields {
    fn wish(self) -> Result<Wish, String> {
        let Fields { op, tag: _, id, path, text, base64, form } = self;
        let parse = |id: String| ObjectId::from_hex(id.as_bytes()).ok_or_else(|| Error::InvalidId(id).to_string());
        let id = id.map(parse).transpose()?;
        match (op, id, path, text, base64, form) {
            (Op::Put, None, Some(path), None, None, None) => Ok(Wish::Put(Content::File(path))),
            (Op::Put, None, None, Some(text), None, None) => inline(text.into_bytes()),
            (Op::Put, None, None, None, Some(base64), None) => {
                inline(STANDARD.decode(base64).map_err(|error| format!("invalid \"base64\": {error}"))?)
            }
            (Op::Put, ..) => Err("put takes one of \"path\", \"text\" and \"base64\"".into()),
            (Op::Get, Some(id), Some(path), None, None, None) => Ok(Wish::GetFile(id, path)),
            (Op::Get, Some(id), None, None, None, form) => Ok(Wish::Get(id, form.unwrap_or(Form::Base64))),
            (Op::Get, ..) => Err("get takes \"id\", and one of \"path\" and \"as\"".into()),
            (Op::Has, Some(id), None, None, None, None) => Ok(Wish::Has(id)),
            (Op::Info, Some(id), None, None, None, None) => Ok(Wish::Info(id)),
            (Op::Delete, Some(id), None, None, None, None) => Ok(Wish::Delete(id)),
            (Op::Has | Op::Info | Op::Delete, ..) => Err("it takes \"id\" and nothing else".into()),
        }
    }
}

fn inline(bytes: Vec<u8>) -> Result<Wish, String> {
    if bytes.len() > INLINE {
        return Err(format!(
            "more than {} are not put inline: write a file, and name it with \"path\"",
            human(INLINE as u64)
        ));
    }
    Ok(Wish::Put(Content::Bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> String {
        match Request::parse(line.as_bytes()).wish {
            Err(message) => message,
            Ok(_) => panic!("{line} is taken"),
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_keeps_its_tag() {
        let id = "0".repeat(64);
        for line in [
            "",
            "[]",
            "{}",
            "{\"op\":\"frobnicate\"}",
            "{\"op\":\"put\"}",
            "{\"op\":\"put\",\"text\":\"a\",\"path\":\"b\"}",
            "{\"op\":\"put\",\"base64\":\"?\"}",
            "{\"op\":\"get\",\"id\":\"../../etc/passwd\"}",
            &format!("{{\"op\":\"get\",\"id\":\"{id}\",\"path\":\"a\",\"as\":\"text\"}}"),
            &format!("{{\"op\":\"has\",\"id\":\"{id}\",\"path\":\"a\"}}"),
            &format!("{{\"op\":\"has\",\"id\":\"{id}  a name\"}}"),
            &"[".repeat(1 << 20),
        ] {
            refused(line);
        }
        let request = Request::parse(b"{\"op\":1,\"tag\":12345678901234567890123}");
        assert_eq!(request.tag.map(|tag| tag.get().to_owned()).as_deref(), Some("12345678901234567890123"));
        assert!(refused("{\"op\":\"has\",\"idd\":1}").contains("idd"));
    }

    #[test]
    fn inline_bytes_are_limited() {
        let put = |len| format!("{{\"op\":\"put\",\"text\":\"{}\"}}", "a".repeat(len));
        assert!(Request::parse(put(INLINE).as_bytes()).wish.is_ok());
        assert!(refused(&put(INLINE + 1)).contains("\"path\""));
    }
}
