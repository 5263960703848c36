//! The server, asked by clients of all kinds over real connections.

/// What is answered, and what is refused.
mod answers;
/// Clients that are slow, silent, gone, or harmed by what others ask for.
mod clients;
/// A server at work, and clients of it.
mod support;
