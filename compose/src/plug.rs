//! One component plugged into another, as `wac plug` does.

use std::path::Path;

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, PackageId};

use crate::failure::{Failure, Result, read, write};

/// Writes the component `socket` whose imports are filled by the exports of `plug`. What neither has is imported still.
pub(crate) fn compose(socket: &Path, plug: &Path, out: &Path) -> Result<()> {
    let mut graph = CompositionGraph::new();
    let plug_id = register(&mut graph, "plug", plug)?;
    let socket_id = register(&mut graph, "socket", socket)?;
    let what = || format!("plug {} into {}", plug.display(), socket.display());
    wac_graph::plug(&mut graph, vec![plug_id], socket_id).map_err(|error| Failure::cannot(what(), error))?;
    let composed = graph.encode(EncodeOptions::default()).map_err(|error| Failure::cannot(what(), error))?;
    write(out, &composed)
}

fn register(graph: &mut CompositionGraph, name: &str, path: &Path) -> Result<PackageId> {
    let what = || format!("use {} as a component", path.display());
    let package = Package::from_bytes(name, None, read(path)?, graph.types_mut())
        .map_err(|error| Failure::cannot(what(), format_args!("{error:#}")))?;
    graph.register_package(package).map_err(|error| Failure::cannot(what(), error))
}
