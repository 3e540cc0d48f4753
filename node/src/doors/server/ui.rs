//! The web UI: pages that were built before the program was, and are part of it.
//!
//! The page lies at `/ui/`, what it loads at `/ui/assets/{file}`; all its addresses are relative, so a proxy may put any
//! prefix in front. The page may load from this node only, and run no text as a script. Without the feature `ui` there is a
//! page that says how to get the real one.

use proto::error_code as code;

use crate::doors::http::reply::{Reply, WebFile};
use crate::doors::on::{Answer, On};
use crate::service::ServiceError;

/// What a browser may do with the pages. `data:` is for the small pictures that the editor draws.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; \
    frame-ancestors 'none'; require-trusted-types-for 'script'";

const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ("referrer-policy", "no-referrer"),
    ("vary", "accept-encoding"),
    ("x-content-type-options", "nosniff"),
];

/// A file of the pages.
struct File {
    name: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
    brotli: Option<&'static [u8]>,
}

#[cfg(feature = "ui")]
include!(concat!(env!("OUT_DIR"), "/ui_files.rs"));

#[cfg(not(feature = "ui"))]
static FILES: &[File] =
    &[File { name: "index.html", plain: include_bytes!("without_ui.html"), gzip: None, brotli: None }];

/// The page. Its addresses are relative to `/ui/`, so without the slash the browser is sent there.
pub(super) fn main_page(on: On<'_>) -> Answer {
    if !on.admitted.place.is_folder() {
        return Ok(Reply::moved_to("ui/"));
    }
    answer_file(on, "index.html")
}

/// What the page loads.
pub(super) fn asset_file(on: On<'_>) -> Answer {
    answer_file(on, on.parameter("file"))
}

fn answer_file(on: On<'_>, name: &str) -> Answer {
    let file = FILES.iter().find(|file| file.name == name);
    let file = file.ok_or_else(|| ServiceError::new(code::NOT_FOUND, format!("The web UI has no file '{name}'")))?;
    let (body, encoding) = chosen_encoding(file, on.request.header("accept-encoding").unwrap_or_default());
    let reply =
        Reply::web_file(WebFile { body, media_type: media_type(name), encoding, headers: HEADERS }).with_tag_of_body();
    // A name with a hash in it never gets another content.
    Ok(if is_hashed(name) { reply.kept_for_ever() } else { reply })
}

/// The smallest form that the client takes.
fn chosen_encoding(file: &File, accepted: &str) -> (&'static [u8], Option<&'static str>) {
    let takes = |name: &str| {
        accepted.split(',').any(|offer| {
            let (coding, weight) = offer.split_once(';').unwrap_or((offer, ""));
            let is_refused = matches!(weight.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
            coding.trim().eq_ignore_ascii_case(name) && !is_refused
        })
    };
    let brotli = file.brotli.filter(|_| takes("br")).map(|body| (body, Some("br")));
    let gzip = file.gzip.filter(|_| takes("gzip")).map(|body| (body, Some("gzip")));
    brotli.or(gzip).unwrap_or((file.plain, None))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "json" => "application/json",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

/// `index-BwF3_x9a.js`: eight letters, digits, dashes and low lines behind a dash, one of them not a small letter.
fn is_hashed(name: &str) -> bool {
    let Some((stem, _)) = name.rsplit_once('.') else { return false };
    let Some(start) = stem.len().checked_sub(9).filter(|start| stem.as_bytes()[*start] == b'-') else { return false };
    let hash = &stem.as_bytes()[start + 1..];
    let is_letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    hash.iter().all(is_letter) && hash.iter().any(|byte| !byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_accepted_form_is_sent() {
        let file = File { name: "a.js", plain: b"plain", gzip: Some(b"gzip"), brotli: Some(b"br") };
        let sent = |accepted: &str| chosen_encoding(&file, accepted).1;
        assert_eq!(sent("gzip, deflate, br, zstd"), Some("br"));
        assert_eq!(sent("gzip;q=0.8"), Some("gzip"));
        assert_eq!(sent("br;q=0, gzip; q=0"), None);
        assert_eq!(sent("*"), None);
        assert_eq!(sent(""), None);
        let alone = File { name: "a.png", plain: b"plain", gzip: None, brotli: None };
        assert_eq!(chosen_encoding(&alone, "br").0, b"plain");
    }

    #[test]
    fn only_names_with_a_hash_are_kept_for_ever() {
        for (name, expected) in [
            ("index-BwF3_x9a.js", true),
            ("home--W_iayjS.js", true),
            ("subject-life-rZqOhHg0.js", true),
            ("theme.js", false),
            ("some-settings.js", false),
            ("index.html", false),
            ("-.js", false),
        ] {
            assert_eq!(is_hashed(name), expected, "{name}");
        }
    }

    #[test]
    fn there_is_always_a_page() {
        assert!(FILES.iter().any(|file| file.name == "index.html" && !file.plain.is_empty()));
    }
}
