//! What the component imports, generated from `wit/`.

#![allow(missing_docs, unreachable_pub, clippy::allow_attributes_without_reason, reason = "generated code")]

#[cfg(not(feature = "hosted"))]
wit_bindgen::generate!({ path: "wit", world: "wasi", generate_all });

#[cfg(feature = "hosted")]
wit_bindgen::generate!({ path: "wit", world: "hosted", generate_all });
