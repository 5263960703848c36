//! The answer to a request: its status, its headers, and where its bytes come from.

use std::time::{Duration, SystemTime};

use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use loosepack::ObjectId;

use crate::body::{Answer, Handle, Listing, Stream};
use crate::range::{Wanted, wanted};
use crate::readers::{Failure, Part, Tasks};
use crate::target::Target;

/// An object never changes: caches may keep it for a year, which is what "for ever" is to them.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The files and listings of a container change.
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const LINES: HeaderValue = HeaderValue::from_static("application/x-ndjson");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// Who answers, and how.
pub(crate) struct Answering {
    /// The threads that read, in turn.
    pub(crate) threads: Vec<Tasks>,
    pub(crate) piece: usize,
    /// Pages of this origin may read; of any, if it is `*`.
    pub(crate) allow_origin: Option<HeaderValue>,
    /// Requests must name this machine as their host: else any page could read what only this machine may, by a name
    /// of its own that leads here.
    pub(crate) local: bool,
}

impl Answering {
    /// Answers a request by the thread of this turn.
    pub(crate) async fn answer<B>(&self, request: &Request<B>, turn: usize) -> Response<Answer> {
        let mut response = self.respond(request, turn).await;
        let headers = response.headers_mut();
        // Bytes of anybody are shown, or run, by no browser.
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
        if let Some(origin) = &self.allow_origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let exposed = HeaderValue::from_static("accept-ranges, content-length, content-range, etag, last-modified");
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        response
    }

    async fn respond<B>(&self, request: &Request<B>, turn: usize) -> Response<Answer> {
        if self.local && !names_this_machine(request) {
            return refuse(StatusCode::MISDIRECTED_REQUEST, "name this machine: as `localhost`, or by its own address");
        }
        if request.method() == Method::OPTIONS {
            return self.preflight();
        }
        if request.method() != Method::GET && request.method() != Method::HEAD {
            let mut refused = refuse(StatusCode::METHOD_NOT_ALLOWED, "this server only gives: use GET");
            refused.headers_mut().insert(header::ALLOW, METHODS);
            return refused;
        }
        let target = match Target::parse(request.uri().path(), request.uri().query()) {
            Ok(Some(target)) => target,
            Ok(None) => return refuse(StatusCode::NOT_FOUND, "no object has this name: names are 64 hex digits"),
            Err(problem) => return refuse(StatusCode::BAD_REQUEST, &problem),
        };
        let tasks = self.threads[turn % self.threads.len()].clone();
        let is_listing = matches!(target, Target::Listing { .. } | Target::Files);
        if is_listing && request.version() < Version::HTTP_11 {
            // Its end would be that of the connection, however that came about.
            let why = "a listing needs HTTP/1.1: in nginx, `proxy_http_version 1.1`";
            return refuse(StatusCode::HTTP_VERSION_NOT_SUPPORTED, why);
        }
        let mut response = match target {
            Target::Listing { after, limit } => listing(tasks, Part::Objects(after, limit), LINES),
            Target::Files => listing(tasks, Part::Files(0), TEXT),
            Target::Object(id) => self.object(tasks, request.headers(), id).await,
            Target::File(path) => self.file(tasks, request.headers(), path).await,
        };
        if request.method() == Method::HEAD {
            *response.body_mut() = Answer::empty();
        }
        response
    }

    fn preflight(&self) -> Response<Answer> {
        let mut response = status(StatusCode::NO_CONTENT);
        let headers = response.headers_mut();
        headers.insert(header::ALLOW, METHODS);
        if self.allow_origin.is_some() {
            headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
            let allowed = HeaderValue::from_static("cache-control, if-none-match, range");
            headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
            headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        }
        response
    }

    async fn object(&self, tasks: Tasks, headers: &HeaderMap, id: ObjectId) -> Response<Answer> {
        let tag = format!("\"{id}\"");
        let (open, opened) = match Handle::open(tasks, Target::Object(id)).await {
            Ok(opened) => opened,
            Err(failure) => return refuse_failure(failure, "there is no such object"),
        };
        let mut response = if text(headers, header::IF_NONE_MATCH).is_some_and(|tags| has_tag(tags, &tag)) {
            status(StatusCode::NOT_MODIFIED)
        } else {
            // A range of another version is no use.
            let is_same = text(headers, header::IF_RANGE).is_none_or(|range| range.trim() == tag);
            let range = text(headers, header::RANGE).filter(|_| is_same);
            self.bytes(open, opened.size, range).await
        };
        let code = response.status();
        let headers = response.headers_mut();
        match code {
            StatusCode::OK | StatusCode::NOT_MODIFIED => headers.insert(header::CACHE_CONTROL, FOR_EVER),
            // A range may not have been compared with the ID, and a failure may pass.
            _ => headers.insert(header::CACHE_CONTROL, ASK_AGAIN),
        };
        if code.is_success() || code == StatusCode::NOT_MODIFIED {
            headers.insert(header::ETAG, ascii(tag));
        }
        response
    }

    async fn file(&self, tasks: Tasks, headers: &HeaderMap, path: String) -> Response<Answer> {
        let (open, opened) = match Handle::open(tasks, Target::File(path)).await {
            Ok(opened) => opened,
            Err(failure) => return refuse_failure(failure, "there is no such file"),
        };
        // Only whoever knows the version can ask for a range of it, and files have no tags.
        let range = text(headers, header::RANGE).filter(|_| !headers.contains_key(header::IF_RANGE));
        let mut response = self.bytes(open, opened.size, range).await;
        let modified = SystemTime::UNIX_EPOCH + Duration::from_nanos(opened.modified);
        response.headers_mut().insert(header::LAST_MODIFIED, ascii(httpdate::fmt_http_date(modified)));
        response.headers_mut().insert(header::CACHE_CONTROL, ASK_AGAIN);
        response
    }

    /// All bytes of what is open, or a range of them.
    async fn bytes(&self, open: Handle, size: u64, range: Option<&str>) -> Response<Answer> {
        let (code, position, end) = match wanted(range, size) {
            Wanted::All => (StatusCode::OK, 0, size),
            Wanted::Part(first, end) => (StatusCode::PARTIAL_CONTENT, first, end),
            Wanted::Nothing => {
                let mut refused = refuse(StatusCode::RANGE_NOT_SATISFIABLE, "there are no such bytes");
                refused.headers_mut().insert(header::CONTENT_RANGE, ascii(format!("bytes */{size}")));
                return refused;
            }
        };
        let Ok(stream) = Stream::start(open, position, end, self.piece).await else {
            return refuse_failure(Failure::Failed, "");
        };
        let mut response = Response::new(Answer::Stream(stream));
        *response.status_mut() = code;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, BYTES);
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::CONTENT_LENGTH, (end - position).into());
        if code == StatusCode::PARTIAL_CONTENT {
            headers.insert(header::CONTENT_RANGE, ascii(format!("bytes {position}-{}/{size}", end - 1)));
        }
        response
    }
}

fn listing(tasks: Tasks, part: Part, kind: HeaderValue) -> Response<Answer> {
    let mut response = Response::new(Answer::Listing(Listing { tasks, part, coming: None }));
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CACHE_CONTROL, ASK_AGAIN);
    response
}

fn status(code: StatusCode) -> Response<Answer> {
    let mut response = Response::new(Answer::empty());
    *response.status_mut() = code;
    response
}

/// An answer that says why there is none.
fn refuse(code: StatusCode, why: &str) -> Response<Answer> {
    let mut response = Response::new(Answer::text(format!("{why}\n")));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    response.headers_mut().insert(header::CACHE_CONTROL, ASK_AGAIN);
    response
}

fn refuse_failure(failure: Failure, absent: &str) -> Response<Answer> {
    match failure {
        Failure::Absent => refuse(StatusCode::NOT_FOUND, absent),
        Failure::Failed => refuse(StatusCode::INTERNAL_SERVER_ERROR, "it cannot be read: the server's log says why"),
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("it is made of digits and words")
}

/// Returns whether a list of tags has this one, or is `*`.
fn has_tag(tags: &str, tag: &str) -> bool {
    tags.split(',').map(str::trim).any(|other| other == "*" || other.strip_prefix("W/").unwrap_or(other) == tag)
}

fn names_this_machine<B>(request: &Request<B>) -> bool {
    let Some(host) = text(request.headers(), header::HOST) else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.to_canonical().is_loopback())
}
