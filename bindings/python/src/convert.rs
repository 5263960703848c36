//! Values of Python as those of the store.

use std::borrow::Cow;

use loosepack_host::{Compression, ObjectId};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::errors;

/// An ID, of its text.
///
/// # Errors
/// `loosepack.InvalidId`.
pub(crate) fn id(text: &Bound<'_, PyString>) -> PyResult<ObjectId> {
    let digits = text.to_string_lossy();
    ObjectId::from_hex(digits.as_bytes()).ok_or_else(|| errors::invalid_id(text.py(), &digits))
}

/// IDs that were converted already, for calls that are repeated.
#[pyclass(frozen)]
pub(crate) struct Ids(Vec<ObjectId>);

#[pymethods]
impl Ids {
    #[new]
    fn new(iterable: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Ids(ids(iterable)?))
    }
}

/// A number that is a setting.
///
/// # Errors
/// `loosepack.InvalidArgument` when it is too large or negative; `TypeError` for anything but a whole number.
pub(crate) fn number<'py, T>(value: &Bound<'py, PyAny>, name: &str) -> PyResult<T>
where
    T: for<'a> FromPyObject<'a, 'py, Error = PyErr>,
{
    let py = value.py();
    value.extract().map_err(|error: PyErr| match error.is_instance_of::<PyOverflowError>(py) {
        true => invalid(py, format!("{name} is out of range: {value}")),
        false => error,
    })
}

/// The IDs that an iterable gives.
///
/// # Errors
/// Those of the iterable; `TypeError` when it gives anything but texts, or is a single one; `loosepack.InvalidId`.
pub(crate) fn ids(iterable: &Bound<'_, PyAny>) -> PyResult<Vec<ObjectId>> {
    if iterable.is_instance_of::<PyString>() {
        return Err(PyTypeError::new_err("expected an iterable of object IDs, not a single str"));
    }
    if let Ok(converted) = iterable.cast::<Ids>() {
        return Ok(converted.get().0.clone());
    }
    let mut ids = Vec::with_capacity(iterable.len().unwrap_or(0));
    for item in iterable.try_iter()? {
        ids.push(id(item?.cast::<PyString>()?)?);
    }
    Ok(ids)
}

/// The text of an ID.
pub(crate) fn text<'py>(py: Python<'py>, id: &ObjectId) -> Bound<'py, PyString> {
    let digits = id.to_hex();
    // Digits are ASCII.
    PyString::new(py, str::from_utf8(&digits).unwrap_or_default())
}

/// The texts of IDs.
pub(crate) fn texts<'py>(py: Python<'py>, ids: &[ObjectId]) -> Vec<Bound<'py, PyString>> {
    ids.iter().map(|id| text(py, id)).collect()
}

/// An object of bytes that stay as they are: `bytes` itself, or a copy of what a `bytearray`, a `memoryview` or the
/// like contains.
///
/// # Errors
/// `TypeError` for anything else.
pub(crate) fn bytes<'py>(content: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    if let Ok(bytes) = content.cast::<PyBytes>() {
        return Ok(bytes.clone());
    }
    let view = content.py().import("builtins")?.getattr("memoryview")?.call1((content,)).map_err(|_| {
        let name = content.get_type().name().map_or_else(|_| Cow::from("?"), |name| name.to_string().into());
        PyTypeError::new_err(format!("expected bytes or another object with a buffer of bytes, not {name}"))
    })?;
    Ok(view.call_method0("tobytes")?.cast_into()?)
}

/// When to compress.
///
/// # Errors
/// `loosepack.InvalidArgument`.
pub(crate) fn compression(py: Python<'_>, text: &str) -> PyResult<Compression> {
    match text {
        "never" => Ok(Compression::Never),
        "always" => Ok(Compression::Always),
        "auto" => Ok(Compression::Auto),
        _ => Err(invalid(py, format!("compression must be 'never', 'always' or 'auto', not {text:?}"))),
    }
}

/// `loosepack.InvalidArgument`.
pub(crate) fn invalid(py: Python<'_>, text: String) -> PyErr {
    errors::of(py, loosepack_host::StoreError::InvalidArgument(text).into())
}
