//! `loosepack batch`

mod answer;
mod request;

use std::collections::HashSet;
use std::fs;
use std::mem::discriminant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use loosepack::source::{BytesSource, FileSource, Source};
use loosepack::{Access, Error, Job as _, ObjectId, ObjectInfo, Store};
use serde_json::{Map, Value, json};

use self::answer::{Answer, Refusal};
use self::request::{Content, Form, Request, Wish};
use super::{Compress, info};
use crate::failure::{Failure, Outcome};
use crate::fetch::Fetched;
use crate::input::{self, Input, InputFile};
use crate::intake::{Intake, Refused};
use crate::lines::{Line, Lines};
use crate::names::shown;
use crate::save;
use crate::session::Session;
use crate::sizes::human;

/// Bytes of an object that is put or got within a line.
const INLINE: usize = 4 << 20;
/// Bytes of a line: [`INLINE`] as base64 fits.
const LINE: usize = 8 << 20;
/// Requests, and bytes of their lines, that are met together at most.
const GROUP: (usize, usize) = (1024, 4 << 20);

/// Do what requests on standard input ask for, as JSON lines
#[derive(Debug, clap::Args)]
#[command(after_help = "\
For programs: one process for any number of operations. Each line of standard input is a request, and is \
answered by a line, in order. Answers are sent whenever there is nothing more to read. Puts are answered \
once they are durable, many at a time. A request that fails is answered by {\"error\", \"message\"} and \
does not stop the others. The exit status is 1 if an object was absent or damaged, 2 if a request was \
wrong or failed. docs/batch.md describes the protocol.

Requests, all with an optional \"tag\" that is repeated:
  {\"op\":\"put\",\"path\":FILE}  or \"text\":TEXT, or \"base64\":BYTES
  {\"op\":\"get\",\"id\":ID,\"path\":FILE}  or \"as\":\"text\", or \"as\":\"base64\"
  {\"op\":\"has\",\"id\":ID}  and info, delete

Example:
  echo '{\"op\":\"put\",\"text\":\"hello\"}' | loosepack batch")]
pub(crate) struct Batch {
    /// Put straight into packs; the pack lock is held from the first put on
    #[arg(long)]
    to_pack: bool,

    /// When to compress; otherwise never
    #[arg(long, value_name = "WHEN", requires = "to_pack")]
    compress: Option<Compress>,
}

impl Batch {
    pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
        let store = session.open(if session.is_remote() { Access::ReadOnly } else { Access::ReadWrite })?;
        let mut serving = Serving { session, batch: self, store: &*store, intake: None };
        let mut lines = Lines::standard(LINE);
        let (mut outcome, mut group, mut bytes) = (Outcome::Done, Vec::new(), 0);
        loop {
            let waits = lines.would_wait()?;
            if waits || group.len() == GROUP.0 || bytes >= GROUP.1 {
                outcome = outcome.max(serving.meet(&group)?);
                group.clear();
                bytes = 0;
            }
            if waits {
                serving.session.out.flush()?;
            }
            match lines.next()? {
                None => return Ok(outcome.max(serving.meet(&group)?)),
                Some(Line::Text(line)) if line.trim_ascii().is_empty() => {}
                Some(Line::Text(line)) => {
                    bytes += line.len();
                    group.push(Request::parse(line));
                }
                Some(Line::TooLong) => {
                    group.push(Request::invalid(format!("a line has more than {}", human(LINE as u64))));
                }
            }
        }
    }
}

/// Requests that are being met.
struct Serving<'a, 'b> {
    session: &'a mut Session<'b>,
    batch: &'a Batch,
    store: &'a dyn Store,
    /// What takes the objects that are put; made for the first of them, and again after a failure.
    intake: Option<Intake<'a, usize>>,
}

impl Serving<'_, '_> {
    /// Meets requests, in their order: those of a kind that follow each other together.
    fn meet(&mut self, requests: &[Request]) -> Result<Outcome, Failure> {
        let kind = |request: &Request| request.wish.as_ref().ok().map(discriminant);
        let mut outcome = Outcome::Done;
        for alike in requests.chunk_by(|a, b| kind(a) == kind(b)) {
            let mut answers = alike.iter();
            let mut print = |session: &mut Session<'_>, answer| {
                let tag = answers.next().and_then(|request| request.tag.as_deref());
                outcome = outcome.max(answer::print(session, tag, answer)?);
                Ok::<(), Failure>(())
            };
            let ids: Vec<ObjectId> = alike.iter().filter_map(|request| request.wish.as_ref().ok()?.id()).collect();
            if let Some(Ok(Wish::Get(..))) = alike.first().map(|request| &request.wish) {
                self.get(alike, &ids, print)?;
                continue;
            }
            for answer in self.answers(alike, &ids) {
                print(self.session, answer)?;
            }
        }
        Ok(outcome)
    }

    /// The answers to requests of one kind, which have these ids.
    fn answers(&mut self, requests: &[Request], ids: &[ObjectId]) -> Vec<Answer> {
        let answers = match &requests[0].wish {
            Ok(Wish::Put(_)) => return self.put(requests),
            Ok(Wish::GetFile(..)) => return requests.iter().map(|request| self.get_file(request)).collect(),
            Ok(Wish::Has(_)) => self.has(ids),
            Ok(Wish::Info(_)) => self.info(ids),
            Ok(Wish::Delete(_)) => self.delete(ids),
            Ok(Wish::Get(..)) | Err(_) => return requests.iter().map(invalid).collect(),
        };
        // A failure is one of all of them.
        answers.unwrap_or_else(|message| ids.iter().map(|_| Err(Refusal::failed(message.clone()))).collect())
    }

    fn has(&self, ids: &[ObjectId]) -> Result<Vec<Answer>, String> {
        let found = self.store.contains(ids).map_err(|error| self.session.about(&error.to_string()))?;
        let answer = |(id, present): (&ObjectId, bool)| Ok(fields(json!({ "id": id.to_string(), "present": present })));
        Ok(ids.iter().zip(found).map(answer).collect())
    }

    fn info(&self, ids: &[ObjectId]) -> Result<Vec<Answer>, String> {
        let found = self.store.info_many(ids).map_err(|error| self.session.about(&error.to_string()))?;
        let answer = |(id, info): (&ObjectId, Option<ObjectInfo>)| match info {
            Some(info) => Ok(fields(info::json(id, &info))),
            None => Err(Refusal::of(self.session, Error::NotFound(*id))),
        };
        Ok(ids.iter().zip(found).map(answer).collect())
    }

    fn delete(&mut self, ids: &[ObjectId]) -> Result<Vec<Answer>, String> {
        // It may have the pack lock.
        self.intake = None;
        let (session, store) = (&*self.session, self.store);
        let failed = |error: Error| session.about(&error.to_string());
        let before = store.contains(ids).map_err(failed)?;
        let mut job = session.take_lock(|| store.delete(ids.to_vec())).map_err(Failure::into_message)?;
        let found = job.finish().map_err(failed)?.problems;
        let after = store.contains(ids).map_err(failed)?;
        let mut done = HashSet::new();
        let answer = |((id, before), after): ((&ObjectId, bool), bool)| match after {
            true => {
                let name = id.to_string();
                let why = found.iter().find(|finding| finding.file.replace('/', "").ends_with(&name));
                let why = why.map_or("it was added again".into(), ToString::to_string);
                Err(Refusal::failed(session.about(&format!("object {id} is not deleted: {why}"))))
            }
            false => Ok(fields(json!({ "id": id.to_string(), "deleted": before && done.insert(*id) }))),
        };
        Ok(ids.iter().zip(before).zip(after).map(answer).collect())
    }

    fn put(&mut self, requests: &[Request]) -> Vec<Answer> {
        let mut answers: Vec<Option<Answer>> = requests.iter().map(|_| None).collect();
        let failure = self.put_all(requests, &mut answers).err();
        if failure.is_some() {
            self.intake = None;
        }
        let failed = || Err(Refusal::failed(failure.clone().unwrap_or_default()));
        answers.into_iter().map(|answer| answer.unwrap_or_else(failed)).collect()
    }

    /// Puts objects, and commits them. Those without an answer have the fate that the error tells.
    fn put_all(&mut self, requests: &[Request], answers: &mut [Option<Answer>]) -> Result<(), String> {
        let (session, store) = (&*self.session, self.store);
        let intake = match &mut self.intake {
            Some(intake) => intake,
            none if self.batch.to_pack => {
                let compression = self.batch.compress.unwrap_or(Compress::Never).into();
                let writer = session.take_lock(|| store.pack_writer(compression)).map_err(Failure::into_message)?;
                none.insert(Intake::new(writer))
            }
            none => none.insert(Intake::new(store.batch().map_err(|error| session.about(&error.to_string()))?)),
        };
        for (position, request) in requests.iter().enumerate() {
            let Ok(Wish::Put(content)) = &request.wish else { continue };
            let added = match source(content) {
                Ok(source) => intake.add(position, source),
                Err(message) => {
                    answers[position] = Some(Err(Refusal::failed(message)));
                    continue;
                }
            };
            match added {
                Ok(()) => {}
                Err(Refused::Source(error)) => answers[position] = Some(Err(Refusal::failed(error.to_string()))),
                Err(Refused::Container(error)) => return Err(session.about(&error.to_string())),
            }
        }
        for (id, position) in intake.commit().map_err(|error| session.about(&error.to_string()))? {
            answers[position] = Some(Ok(fields(json!({ "id": id.to_string() }))));
        }
        Ok(())
    }

    fn get_file(&self, request: &Request) -> Answer {
        let Ok(Wish::GetFile(id, path)) = &request.wish else { return invalid(request) };
        let mut reader = self.store.reader(id).map_err(|error| Refusal::of(self.session, error))?;
        let size = reader.size();
        match save::save(self.session, &mut *reader, path, false) {
            Ok(()) => Ok(fields(json!({ "id": id.to_string(), "size": size }))),
            Err(Failure::Told { outcome: Outcome::Lacking, message }) => Err(Refusal { error: "damaged", message }),
            Err(failure) => Err(Refusal::failed(failure.into_message())),
        }
    }

    /// Answers with the bytes of objects, one after the other.
    fn get(
        &mut self,
        requests: &[Request],
        ids: &[ObjectId],
        mut print: impl FnMut(&mut Session<'_>, Answer) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let fetched = match Fetched::read(self.store, ids) {
            Ok(fetched) => fetched,
            Err(error) => {
                let message = self.session.about(&error.to_string());
                return ids.iter().try_for_each(|_| print(self.session, Err(Refusal::failed(message.clone()))));
            }
        };
        for (request, (id, bytes)) in requests.iter().zip(fetched.objects()) {
            let Ok(Wish::Get(_, form)) = &request.wish else { continue };
            let answer = match bytes {
                Some(bytes) => inline(id, bytes, *form),
                None => self.read(id).and_then(|bytes| inline(id, &bytes, *form)),
            };
            print(self.session, answer)?;
        }
        Ok(())
    }

    /// Reads an object that is not larger than what is given inline.
    fn read(&self, id: &ObjectId) -> Result<Vec<u8>, Refusal> {
        let failed = |error| Refusal::of(self.session, error);
        let size = self.store.reader(id).map_err(failed)?.size();
        if size > INLINE as u64 {
            return Err(too_large(size));
        }
        self.store.get(id).map_err(failed)
    }
}

/// The bytes of what is put.
fn source(content: &Content) -> Result<Box<dyn Source + Send>, String> {
    match content {
        Content::Bytes(bytes) => Ok(Box::new(BytesSource::new(bytes.clone()))),
        // Whoever asks would wait for whoever writes to a pipe.
        Content::File(path) if fs::metadata(path).is_ok_and(|found| !found.is_file()) => {
            Err(format!("{} is not a regular file: add others with `loosepack add`", shown(path)))
        }
        Content::File(path) => match input::open(path)? {
            Input::File(file, before) => Ok(Box::new(FileSource::opened(shown(path), InputFile(file), before))),
            Input::Folder | Input::Pipe(_) => Err(format!("{} is not a regular file any more", shown(path))),
        },
    }
}

/// An answer that has the bytes of an object.
fn inline(id: &ObjectId, bytes: &[u8], form: Form) -> Answer {
    if bytes.len() > INLINE {
        return Err(too_large(bytes.len() as u64));
    }
    let (name, text) = match form {
        Form::Base64 => ("base64", STANDARD.encode(bytes)),
        Form::Text => match std::str::from_utf8(bytes) {
            Ok(text) => ("text", text.into()),
            Err(_) => return Err(Refusal::invalid(format!("object {id} is not UTF-8 text: get it as base64"))),
        },
    };
    Ok(fields(json!({ "id": id.to_string(), "size": bytes.len(), name: text })))
}

fn too_large(size: u64) -> Refusal {
    let (size, most) = (human(size), human(INLINE as u64));
    Refusal::invalid(format!("the object has {size}, and at most {most} are given inline: name a file with \"path\""))
}

/// The answer to a request that makes no sense.
fn invalid(request: &Request) -> Answer {
    Err(Refusal::invalid(request.wish.as_ref().err().cloned().unwrap_or_default()))
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
