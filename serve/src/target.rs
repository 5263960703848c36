//! What a request is about.

use loosepack::ObjectId;

use crate::files;

/// Objects of a listing unless the request names another number: all of them.
const LIMIT: u64 = u64::MAX;

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// The bytes of an object.
    Object(ObjectId),
    /// At most `limit` objects after an id.
    Listing { after: Option<ObjectId>, limit: u64 },
    /// A file of the container: its path.
    File(String),
    /// The paths of the container's files.
    Files,
}

impl Target {
    /// Reads the path and the query of a request; `None` for what is nothing of ours.
    ///
    /// # Errors
    /// What is wrong with the query.
    pub(crate) fn parse(path: &str, query: Option<&str>) -> Result<Option<Self>, String> {
        let Some(name) = path.strip_prefix('/') else { return Ok(None) };
        Ok(match name {
            "" => Some(listing(query.unwrap_or_default())?),
            files::LISTING => Some(Target::Files),
            _ => match ObjectId::from_hex(name.as_bytes()) {
                Some(id) => Some(Target::Object(id)),
                None => files::is_given(name).then(|| Target::File(name.into())),
            },
        })
    }
}

fn listing(query: &str) -> Result<Target, String> {
    let (mut after, mut limit) = (None, LIMIT);
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split_once('=') {
            Some(("after", id)) => {
                let id = ObjectId::from_hex(id.as_bytes());
                after = Some(id.ok_or("`after` takes an ID, 64 hexadecimal digits")?);
            }
            Some(("limit", number)) => limit = number.parse().map_err(|_| "`limit` takes a number")?,
            _ => return Err("a listing takes `after` and `limit`".into()),
        }
    }
    Ok(Target::Listing { after, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_objects_listings_and_files() {
        let digits = "ab".repeat(32);
        let id = ObjectId::from_hex(digits.as_bytes()).unwrap();
        let all = Target::Listing { after: None, limit: u64::MAX };
        let cases = [
            (format!("/{digits}"), None, Some(Target::Object(id))),
            (format!("/{digits}0"), None, None),
            ("/".into(), None, Some(all.clone())),
            ("/".into(), Some("".to_string()), Some(all)),
            ("/".into(), Some(format!("after={digits}&limit=3")), Some(Target::Listing { after: Some(id), limit: 3 })),
            ("/container.json".into(), None, Some(Target::File("container.json".into()))),
            ("/files.txt".into(), None, Some(Target::Files)),
            ("/../etc/passwd".into(), None, None),
            ("*".into(), None, None),
        ];
        for (path, query, expected) in cases {
            assert_eq!(Target::parse(&path, query.as_deref()).unwrap(), expected, "{path}");
        }
        for query in ["after=1", "limit=-1", "limit", "x=1", "after"] {
            assert!(Target::parse("/", Some(query)).is_err(), "{query}");
        }
    }
}
