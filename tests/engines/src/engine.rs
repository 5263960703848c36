//! A server of one process, or one that is given.

use std::env;
use std::net::{SocketAddr, ToSocketAddrs as _};

use crate::http::ask;
use crate::install::Package;
use crate::server::{Server, folder_of_run, folder_of_server, wait_until};
use crate::{BUCKET, Skip, environment, ports, url, weed};

static MOTO: Package = Package::new("moto", "[server]", "5.2.5");

/// A server that has a bucket. Dropping it ends the server.
pub struct Engine {
    environment: Vec<(String, String)>,
    bucket: String,
    prefix: String,
    address: Option<SocketAddr>,
    _server: Option<Server>,
}

impl Engine {
    /// Starts SeaweedFS in one process.
    ///
    /// # Errors
    /// If it cannot be installed.
    ///
    /// # Panics
    /// If it does not start.
    pub fn seaweed() -> Result<Engine, Skip> {
        let program = weed::program()?;
        loop {
            let ports = [(); 4].map(|()| ports::free());
            let [master, volume, filer, s3] = ports;
            let mut arguments = vec![
                "server".to_string(),
                "-dir=data".into(),
                "-ip=127.0.0.1".into(),
                "-ip.bind=127.0.0.1".into(),
                "-filer".into(),
                "-s3".into(),
                "-volume.max=20".into(),
            ];
            let services = [("master", master), ("volume", volume), ("filer", filer), ("s3", s3)];
            arguments.extend(services.map(|(service, address)| format!("-{service}.port={}", address.port())));
            arguments.extend(weed::MASTER.map(|option| format!("-master.{option}")));
            arguments.extend(weed::S3.map(|option| format!("-s3.{option}")));
            let mut server = weed::start(&program, &folder_of_run(), "server", &arguments, &ports);
            let is_ready = || weed::is_gateway_ready(s3) && weed::make_bucket(filer) && weed::can_store(&[filer]);
            if wait_until(&mut [&mut server], "it stores a file", is_ready) {
                return Ok(Engine::started(server, s3));
            }
        }
    }

    /// Starts moto, which keeps everything in memory.
    ///
    /// # Errors
    /// If it cannot be installed.
    ///
    /// # Panics
    /// If it does not start.
    pub fn moto() -> Result<Engine, Skip> {
        let python = MOTO.programs()?.join("python");
        loop {
            let address = ports::free();
            let port = address.port().to_string();
            let arguments = ["-m", "moto.server", "-H", "127.0.0.1", "-p", &port].map(String::from);
            let folder = folder_of_server(&folder_of_run(), "moto");
            let mut server = Server::start(&python, &arguments, &folder, "");
            let make_bucket = || ask(address, "PUT", &format!("/{BUCKET}"), "").is_ok_and(|status| status == 200);
            if wait_until(&mut [&mut server], "it makes a bucket", make_bucket) {
                return Ok(Engine::started(server, address));
            }
        }
    }

    /// The server that the environment names: `LOOSEPACK_TEST_S3` is `s3://BUCKET/PREFIX`, and the usual `AWS_*`
    /// variables say where it is and how to log in.
    ///
    /// # Errors
    /// If `LOOSEPACK_TEST_S3` is not set.
    ///
    /// # Panics
    /// If it is no such URL.
    pub fn given() -> Result<Engine, Skip> {
        let given = env::var("LOOSEPACK_TEST_S3").map_err(|_| Skip("LOOSEPACK_TEST_S3 is not set".into()))?;
        let place = given.strip_prefix("s3://").filter(|place| !place.is_empty());
        let place = place.unwrap_or_else(|| panic!("LOOSEPACK_TEST_S3 is not s3://BUCKET/PREFIX: {given}"));
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let endpoint = env::var("AWS_ENDPOINT_URL").ok();
        let host = endpoint.as_deref().and_then(|endpoint| endpoint.strip_prefix("http://"));
        let address = host.and_then(|host| host.trim_end_matches('/').to_socket_addrs().ok()?.next());
        Ok(Engine {
            environment: env::vars().filter(|(name, _)| name.starts_with("AWS_")).collect(),
            bucket: bucket.into(),
            prefix: prefix.into(),
            address,
            _server: None,
        })
    }

    fn started(server: Server, address: SocketAddr) -> Engine {
        Engine {
            environment: environment(&format!("http://{address}")),
            bucket: BUCKET.into(),
            prefix: String::new(),
            address: Some(address),
            _server: Some(server),
        }
    }

    /// The variables that a client needs: credentials, endpoint, region, and leave to use plain HTTP.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.environment.clone()
    }

    /// The same variables, with another endpoint: that of a [`Proxy`](crate::Proxy) before this server.
    pub fn environment_through(&self, endpoint: &str) -> Vec<(String, String)> {
        let mut environment = self.environment();
        environment.retain(|(name, _)| name != "AWS_ENDPOINT_URL");
        environment.push(("AWS_ENDPOINT_URL".into(), endpoint.into()));
        environment
    }

    /// The URL of a prefix. Tests that share a server use different ones.
    pub fn url(&self, prefix: &str) -> String {
        url(&self.bucket, &[&self.prefix, prefix])
    }

    /// Where a [`Proxy`](crate::Proxy) reaches this server. `None` for a given one without a plain HTTP endpoint.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}
