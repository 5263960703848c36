//! `loosepack serve`

use crate::failure::{Failure, Outcome};
use crate::session::Session;

/// Serve objects by HTTP, for reading
#[derive(Debug, clap::Args)]
#[command(after_help = "\
GET /HASH gives the bytes of an object, or the range of them that is asked for; its ETag is its ID, and \
caches may keep it for ever. GET / lists objects as JSON lines, from ?after=HASH on, ?limit=N at most. \
GET /container.json, /packs/0 and so on give the container's own files, for programs that read those.

It can run while others add, pack and delete. An object that is read whole is checked before its last \
bytes are sent: the connection is cut off when it is damaged. Clients are bounded in what they use, but not told apart: \
whoever reaches the address may read everything. Where it listens to this machine alone, requests must \
name it as `localhost` or by its address. Ends when it is interrupted.

Examples:
  loosepack -C store serve
  curl -O http://127.0.0.1:8008/HASH
  loosepack -C store serve --listen 0.0.0.0:80 --allow-origin '*'")]
pub(crate) struct Serve {
    /// Where to listen; port 0 is any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8008")]
    listen: String,

    /// Let pages of this origin read, like https://example.org; `*` is any
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Option<String>,

    /// Clients at once; others wait
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
}

#[cfg(not(feature = "serve"))]
impl Serve {
    pub(crate) fn run(&self, _: &mut Session<'_>) -> Result<Outcome, Failure> {
        let Serve { listen, .. } = self;
        Err(format!("this build cannot listen at {listen}: use the native command `loosepack`").into())
    }
}

#[cfg(feature = "serve")]
mod native {
    use std::future::pending;
    use std::net::{SocketAddr, ToSocketAddrs as _};

    use loosepack::Access;
    use loosepack::dir::cap::CapDir;
    use loosepack_serve::{Server, Settings};

    use super::{Failure, Outcome, Serve, Session};
    use crate::failure::tell;
    use crate::names::shown;
    use crate::session::about;

    impl Serve {
        pub(crate) fn run(&self, session: &mut Session<'_>) -> Result<Outcome, Failure> {
            // That there is a container, and that it can be read, is known before anybody asks.
            session.open(Access::ReadOnly)?;
            let (host, options, path) = (session.host, session.options(Access::ReadOnly), session.directory()?);
            let dir = if session.is_remote() { None } else { Some(CapDir::open(path)) };
            let dir = dir.transpose().map_err(|error| format!("cannot open {}: {error}", shown(path)))?;
            let settings = Settings {
                connections: self.connections as usize,
                allow_origin: self.allow_origin.clone(),
                ..Settings::default()
            };
            let cannot = |error| format!("cannot listen at {}: {error}", self.listen);
            let server = Server::bind(self.address()?, settings).map_err(cannot)?;
            let address = server.address().map_err(cannot)?;
            session.out.line(&format!("serving {} at http://{address}/", shown(path)))?;
            session.out.flush()?;
            let report = |problem: &str| tell(about(path, problem));
            let served = server.run(&|| host.open(path, options.clone()), dir.as_ref(), pending(), &report);
            served.map_err(|error| format!("cannot serve: {error}"))?;
            Ok(Outcome::Done)
        }

        fn address(&self) -> Result<SocketAddr, Failure> {
            let found = self.listen.to_socket_addrs().ok().and_then(|mut found| found.next());
            let remedy = "name an address and a port, like 127.0.0.1:8008";
            found.ok_or_else(|| format!("cannot listen at {}: {remedy}", self.listen).into())
        }
    }
}
