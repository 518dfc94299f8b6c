//! A password that stands in a file of its own, put into the URL that it belongs to.

use std::path::Path;

/// The URL with the password of the file, which lies there without its end of line.
///
/// # Errors
/// In words and with the fix: when the file cannot be read, the URL names no user, or has a password already.
pub fn with_password(url: &str, file: &Path) -> Result<String, (String, &'static str)> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@').filter(|(user, _)| !user.is_empty()) else {
        return Err(("the URL names no user".into(), "write postgres://USER@HOST/NAME"));
    };
    if user.contains(':') {
        return Err((
            "the URL has a password already".into(),
            "take it out of the URL, or leave the file away",
        ));
    }
    let password = secret(file).map_err(|problem| (problem, "name a file that holds the password alone"))?;
    Ok(format!("{scheme}://{user}:{}{}", escaped(&password), &rest[user.len()..]))
}

/// What a file holds that is a secret and nothing else, without its end of line.
///
/// # Errors
/// In words, when it cannot be read or is empty.
pub fn secret(file: &Path) -> Result<String, String> {
    let text =
        std::fs::read_to_string(file).map_err(|e| format!("{} cannot be read: {e}", file.display()))?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() {
        return Err(format!("{} is empty", file.display()));
    }
    Ok(secret.to_owned())
}

/// As it may stand in a URL (RFC 3986, 2.1).
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn the_password_of_the_file_stands_in_the_url() {
        let file = file("p@ss/w:rd\n");
        let url = with_password("postgres://telvisor@db:5432/telvisor?sslmode=require", file.path()).unwrap();
        assert_eq!(url, "postgres://telvisor:p%40ss%2Fw%3Ard@db:5432/telvisor?sslmode=require");
    }

    #[test]
    fn what_cannot_be_joined_is_refused_with_the_reason() {
        let (good, empty) = (file("secret"), file("\n"));
        let refused = |url: &str, path: &Path| with_password(url, path).unwrap_err().0;
        assert!(refused("postgres://db/telvisor", good.path()).contains("no user"));
        assert!(refused("postgres://a:b@db/telvisor", good.path()).contains("already"));
        assert!(refused("postgres://a@db/telvisor", empty.path()).contains("empty"));
        assert!(refused("postgres://a@db/telvisor", Path::new("/nowhere/it")).contains("cannot be read"));
    }
}
