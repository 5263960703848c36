//! SeaweedFS in several processes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::server::{Server, folder_of_run, wait_until};
use crate::{BUCKET, Skip, environment, ports, url, weed};

/// Three masters, three volume servers that keep two copies of everything, two filers, and two S3 gateways, each with a
/// filer of its own. Dropping it ends them all.
pub struct Cluster {
    volumes: Mutex<Vec<Option<Server>>>,
    gateways: Mutex<Vec<Option<Server>>>,
    addresses: [SocketAddr; 2],
    _others: Vec<Server>,
}

impl Cluster {
    /// Starts the ten processes.
    ///
    /// # Errors
    /// If SeaweedFS cannot be installed.
    ///
    /// # Panics
    /// If one does not start.
    pub fn seaweed() -> Result<Cluster, Skip> {
        let program = weed::program()?;
        loop {
            if let Some(cluster) = start(&program) {
                return Ok(cluster);
            }
        }
    }

    /// The endpoints of both gateways, whether they live or not.
    pub fn endpoints(&self) -> [String; 2] {
        self.addresses.map(|address| format!("http://{address}"))
    }

    /// The addresses of both gateways.
    pub fn addresses(&self) -> [SocketAddr; 2] {
        self.addresses
    }

    /// The variables that a client of a gateway needs, as those of [`Engine`](crate::Engine).
    ///
    /// # Panics
    /// If there is no gateway of this number: they are 0 and 1.
    pub fn environment(&self, gateway: usize) -> Vec<(String, String)> {
        environment(&self.endpoints()[gateway])
    }

    /// The URL of a prefix.
    pub fn url(&self, prefix: &str) -> String {
        url(BUCKET, &[prefix])
    }

    /// Kills a volume server with signal 9, and removes its disk. It does not come back.
    ///
    /// # Panics
    /// If there is none of this number, or no longer: they are 0, 1 and 2.
    pub fn kill_volume_server(&self, number: usize) {
        kill(&self.volumes, number);
    }

    /// Kills an S3 gateway with signal 9. It does not come back.
    ///
    /// # Panics
    /// If there is none of this number, or no longer: they are 0 and 1.
    pub fn kill_gateway(&self, number: usize) {
        kill(&self.gateways, number);
    }
}

fn kill(servers: &Mutex<Vec<Option<Server>>>, number: usize) {
    let server = servers.lock().unwrap_or_else(PoisonError::into_inner)[number].take();
    drop(server.expect("it was killed before"));
}

/// Returns `None` if one of them ended that may start the next time.
fn start(program: &Path) -> Option<Cluster> {
    let run = folder_of_run();
    let [masters, volumes] = [(); 2].map(|()| [(); 3].map(|()| ports::free()));
    let [filers, gateways] = [(); 2].map(|()| [(); 2].map(|()| ports::free()));
    let peers = masters.map(|master| master.to_string()).join(",");
    let weed = |kind: &str, number: usize, port: SocketAddr, options: &[String]| {
        let mut arguments = vec![kind.to_string(), "-ip.bind=127.0.0.1".into(), format!("-port={}", port.port())];
        arguments.extend(options.iter().map(|option| format!("-{option}")));
        weed::start(program, &run, &format!("{kind}-{number}"), &arguments, &[port])
    };
    let ip = || "ip=127.0.0.1".to_string();
    let mut others = Vec::new();
    for (number, port) in masters.into_iter().enumerate() {
        let mut options = vec![ip(), "mdir=data".into(), format!("peers={peers}"), "defaultReplication=010".into()];
        options.extend(weed::MASTER.map(String::from));
        others.push(weed("master", number, port, &options));
    }
    let running_volumes = volumes.into_iter().enumerate().map(|(number, port)| {
        let place = [format!("master={peers}"), "dataCenter=one".into(), format!("rack=rack-{number}")];
        let options = [[ip(), "dir=data".into(), "max=20".into()], place].concat();
        weed("volume", number, port, &options)
    });
    let mut volumes: Vec<Server> = running_volumes.collect();
    for (number, port) in filers.into_iter().enumerate() {
        let options = [ip(), format!("master={peers}"), "defaultReplicaPlacement=010".into()];
        others.push(weed("filer", number, port, &options));
    }
    let mut running_gateways = Vec::new();
    for (number, port) in gateways.into_iter().enumerate() {
        let mut options = vec![format!("filer={}", filers[number])];
        options.extend(weed::S3.map(String::from));
        running_gateways.push(weed("s3", number, port, &options));
    }
    let is_ready =
        || gateways.into_iter().all(weed::is_gateway_ready) && weed::make_bucket(filers[0]) && weed::can_store(&filers);
    let mut all: Vec<&mut Server> = others.iter_mut().chain(&mut volumes).chain(&mut running_gateways).collect();
    if !wait_until(&mut all, "both filers store a file and see that of the other", is_ready) {
        return None;
    }
    let killable = |servers: Vec<Server>| Mutex::new(servers.into_iter().map(Some).collect());
    Some(Cluster {
        volumes: killable(volumes),
        gateways: killable(running_gateways),
        addresses: gateways,
        _others: others,
    })
}
