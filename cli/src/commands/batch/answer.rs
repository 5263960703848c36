//! One answer, as a line of JSON.

use loosepack::Error;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::failure::{Failure, Outcome};
use crate::session::Session;

/// Why a request was not met.
#[derive(Debug)]
pub(super) struct Refusal {
    /// A word for programs.
    pub(super) error: &'static str,
    /// Words for people.
    pub(super) message: String,
}

impl Refusal {
    /// The request makes no sense, or asks for what cannot be.
    pub(super) fn invalid(message: String) -> Self {
        Refusal { error: "invalid", message }
    }

    /// A file, or the container, failed.
    pub(super) fn failed(message: String) -> Self {
        Refusal { error: "failed", message }
    }

    /// The container gave this error.
    pub(super) fn of(session: &Session<'_>, error: Error) -> Self {
        let word = match error {
            Error::NotFound(_) => "absent",
            Error::Corrupt(_) => "damaged",
            _ => "failed",
        };
        Refusal { error: word, message: session.about(&error.to_string()) }
    }

    fn outcome(&self) -> Outcome {
        match self.error {
            "absent" | "damaged" => Outcome::Lacking,
            _ => Outcome::Failed,
        }
    }
}

/// What a request is answered with.
pub(super) type Answer = Result<Map<String, Value>, Refusal>;

/// Prints an answer. `tag`: what the request repeats.
pub(super) fn print(session: &mut Session<'_>, tag: Option<&RawValue>, answer: Answer) -> Result<Outcome, Failure> {
    let (fields, outcome) = match answer {
        Ok(fields) => (fields, Outcome::Done),
        Err(refusal) => {
            let outcome = refusal.outcome();
            let fields = [("error", refusal.error.into()), ("message", refusal.message)];
            (fields.into_iter().map(|(name, text): (_, String)| (name.into(), text.into())).collect(), outcome)
        }
    };
    let text = Value::Object(fields).to_string();
    match tag {
        // As it was written: a number may be more exact than what it is parsed to.
        Some(tag) => {
            session.out.bytes(b"{\"tag\":")?;
            session.out.bytes(tag.get().as_bytes())?;
            session.out.bytes(b",")?;
            session.out.line(&text[1..])?;
        }
        None => session.out.line(&text)?,
    }
    Ok(outcome)
}
