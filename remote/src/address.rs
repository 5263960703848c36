//! URLs of remotes.

use std::sync::{Arc, Once};
use std::time::Duration;

use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use crate::bucket::Bucket;
use crate::{Error, Result};

/// Schemes of remotes.
const SCHEMES: [&str; 9] = ["s3", "s3a", "gs", "az", "abfs", "abfss", "http", "https", "file"];

/// Environment variables that object storage is configured by begin with one of these.
const PREFIXES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// Parts of the names of those whose values are nobody's to see.
const SECRETS: [&str; 6] = ["SECRET", "TOKEN", "KEY", "SAS", "PASSWORD", "CREDENTIAL"];

/// A shorter value is no secret, but would be found in many texts.
const SECRET_MIN: usize = 4;

/// Connecting takes at most this long.
const CONNECT: Duration = Duration::from_secs(10);
/// A server that sends nothing for this long is asked again, however much there is to send.
const SILENCE: Duration = Duration::from_secs(30);
/// Requests are tried again for this long, and this often.
const PATIENCE: Duration = Duration::from_secs(60);
const RETRIES: usize = 6;

/// Returns whether a text is the URL of a remote, and not the path of a directory.
pub fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| SCHEMES.contains(&scheme))
}

/// A URL as it may be shown: without a user, a password, and what is behind a `?`.
pub fn harmless(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|_| is_url(url)) else { return url.into() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host.rsplit('@').next().unwrap_or_default();
    path.map_or_else(|| format!("{scheme}://{host}"), |path| format!("{scheme}://{host}/{path}"))
}

impl Bucket {
    /// Opens what a URL names: `s3://BUCKET/PREFIX`, and `gs://`, `az://`, `http://`, `https://` and `file://` likewise.
    /// Credentials, region and endpoint come from the environment, by the names that each provider's own tools use, such
    /// as `AWS_ACCESS_KEY_ID` and `AWS_ENDPOINT_URL`. Nothing is asked of the server yet.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn at(url: &str) -> Result<Self> {
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        Self::with(url, variables.filter_map(|(name, value)| Some((name, value.into_string().ok()?))))
    }

    /// Opens what a URL names, configured by these variables.
    ///
    /// # Errors
    /// [`Error::Address`].
    pub fn with(url: &str, variables: impl IntoIterator<Item = (String, String)>) -> Result<Self> {
        if !is_url(url) {
            return Err(Error::Address("this is no URL of a remote: write s3://BUCKET/PREFIX".into()));
        }
        let parsed = Url::parse(url).map_err(|error| Error::Address(format!("this is no URL: {error}")))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            let remedy = "put credentials into the environment, as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
            return Err(Error::Address(format!("a URL with credentials in it is seen by everybody: {remedy}")));
        }
        if parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(Error::Address("the URL of a remote has neither `?` nor `#`".into()));
        }
        let known = |name: &String| PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let variables: Vec<(String, String)> = variables.into_iter().filter(|(name, _)| known(name)).collect();
        let is_secret = |(name, value): &&(String, String)| {
            value.len() >= SECRET_MIN && SECRETS.iter().any(|part| name.contains(part))
        };
        let secrets: Vec<String> = variables.iter().filter(is_secret).map(|(_, value)| value.clone()).collect();
        let endpoint = variables.iter().find(|(name, _)| name.contains("ENDPOINT")).map(|(_, value)| value.clone());
        let (store, prefix) = open(&parsed, variables)
            .map_err(|error| Error::Address(crate::bucket::redacted(&error.to_string(), &secrets)))?;
        Ok(Bucket::new(store, prefix).hiding(secrets).at_endpoint(&endpoint.unwrap_or_default()))
    }
}

fn open(url: &Url, variables: Vec<(String, String)>) -> object_store::Result<(Arc<dyn ObjectStore>, Path)> {
    use object_store::ObjectStoreScheme as Scheme;
    use object_store::aws::AmazonS3Builder;
    use object_store::azure::MicrosoftAzureBuilder;
    use object_store::gcp::GoogleCloudStorageBuilder;
    use object_store::http::HttpBuilder;
    use object_store::local::LocalFileSystem;

    provide_cryptography();
    let (scheme, prefix) = Scheme::parse(url)?;
    let retries = RetryConfig { max_retries: RETRIES, retry_timeout: PATIENCE, ..RetryConfig::default() };
    // An endpoint that says http means it: whoever names one has decided.
    let plain = url.scheme() == "http"
        || variables.iter().any(|(name, value)| name.contains("ENDPOINT") && value.starts_with("http://"));
    let client = ClientOptions::new()
        .with_connect_timeout(CONNECT)
        .with_read_timeout(SILENCE)
        .with_timeout_disabled()
        .with_allow_http(plain)
        .with_no_system_certificates(needs_no_certificates(url, &variables));
    macro_rules! configured {
        ($builder:expr) => {
            variables
                .into_iter()
                .fold($builder, |builder, (name, value)| match name.to_ascii_lowercase().parse() {
                    Ok(key) => builder.with_config(key, value),
                    Err(_) => builder,
                })
                .with_client_options(client)
                .with_retry(retries)
        };
    }
    let store: Arc<dyn ObjectStore> = match scheme {
        Scheme::AmazonS3 => Arc::new(configured!(AmazonS3Builder::new()).with_url(url.as_str()).build()?),
        Scheme::GoogleCloudStorage => {
            Arc::new(configured!(GoogleCloudStorageBuilder::new()).with_url(url.as_str()).build()?)
        }
        Scheme::MicrosoftAzure => Arc::new(configured!(MicrosoftAzureBuilder::new()).with_url(url.as_str()).build()?),
        Scheme::Http => {
            let server = &url[..url::Position::BeforePath];
            let builder = HttpBuilder::new().with_url(server).with_client_options(client).with_retry(retries);
            Arc::new(builder.build()?)
        }
        Scheme::Local => Arc::new(LocalFileSystem::new()),
        _ => {
            let source = "this kind of URL is not known".into();
            return Err(object_store::Error::Generic { store: "URL", source });
        }
    };
    Ok((store, prefix))
}

/// Returns whether only a server is asked that does not prove its name: reading the certificates of the system takes longer
/// than a whole command on this machine.
fn needs_no_certificates(url: &Url, variables: &[(String, String)]) -> bool {
    let values = |names: &'static [&str]| variables.iter().filter(|(name, _)| names.contains(&&**name)).map(|(_, v)| v);
    let mut endpoints = values(&["AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"]).peekable();
    // Without a key, one is asked for, from somebody else.
    let has_key = values(&["AWS_ACCESS_KEY_ID"]).any(|key| !key.is_empty());
    let is_plain = endpoints.peek().is_some() && endpoints.all(|endpoint| endpoint.starts_with("http://"));
    let proxies = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].map(std::env::var);
    let by_proxy = proxies.iter().flatten().any(|proxy| proxy.starts_with("https"));
    url.scheme() == "s3" && has_key && is_plain && !by_proxy
}

/// `reqwest` is told once, for the process, which cryptography TLS is to use.
fn provide_cryptography() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Another that the program has chosen before is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Bucket::with(url, []).map(drop).unwrap_err().to_string()
    }

    #[test]
    fn urls_are_told_from_paths() {
        for url in ["s3://bucket/prefix", "gs://b", "http://host:1/x", "file:///tmp/x"] {
            assert!(is_url(url), "{url}");
        }
        for path in ["s3:", "store", "/s3://x", "c:\\store", "ftp://host/x", "://"] {
            assert!(!is_url(path), "{path}");
        }
    }

    #[test]
    fn credentials_in_a_url_are_refused_and_not_repeated() {
        for url in ["s3://key:topsecret@bucket/x", "https://topsecret@host/x", "s3://bucket/x?sig=topsecret"] {
            assert!(!refused(url).contains("topsecret"), "{}", refused(url));
        }
        assert!(refused("store").contains("s3://BUCKET/PREFIX"));
    }

    #[test]
    fn what_is_shown_of_a_url_is_harmless() {
        for (url, shown) in [
            ("s3://bucket/x", "s3://bucket/x"),
            ("s3://user:topsecret@bucket/x/y", "s3://bucket/x/y"),
            ("https://topsecret@host", "https://host"),
            ("https://host/x?sig=topsecret#y", "https://host/x"),
            ("s3://a@b:top@secret@bucket", "s3://bucket"),
            ("some/path?", "some/path?"),
        ] {
            assert_eq!(harmless(url), shown);
        }
    }

    #[test]
    fn certificates_are_read_unless_nobody_has_one() {
        let needs_none = |url: &str, variables: &[(&str, &str)]| {
            let variables: Vec<_> =
                variables.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
            needs_no_certificates(&Url::parse(url).unwrap(), &variables)
        };
        let (key, plain) = (("AWS_ACCESS_KEY_ID", "key"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"));
        assert!(needs_none("s3://bucket", &[key, plain]));
        assert!(!needs_none("s3://bucket", &[plain]));
        assert!(!needs_none("s3://bucket", &[key]));
        assert!(!needs_none("s3://bucket", &[key, ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")]));
        assert!(!needs_none("s3://bucket", &[key, plain, ("AWS_ENDPOINT_URL_S3", "https://host")]));
        assert!(!needs_none("http://host/x", &[key, plain]));
    }

    #[test]
    fn the_environment_configures() {
        let variables = [
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "topsecret"),
            ("AWS_REGION", "somewhere"),
            ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
            ("AWS_NONSENSE", "x"),
        ];
        let bucket = Bucket::with("s3://bucket/a/b", variables.map(|(name, value)| (name.into(), value.into())));
        let shown = format!("{:?}", bucket.unwrap());
        assert!(!shown.contains("topsecret"), "{shown}");
    }
}
