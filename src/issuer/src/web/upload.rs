//! The one file of an uploaded form, or the bytes as they came. Pure.
//!
//! Contract: reads `multipart/form-data` (RFC 7578) as browsers send it and gives the bytes of the first part that has a
//! file name; any other body is the file itself. Nothing is kept.

/// The most bytes of an upload. Certificates have some hundred kilobytes.
pub(super) const MAX_UPLOAD_BYTES: usize = 8 * 1024 * 1024;
/// The most bytes of a boundary (RFC 2046, section 5.1.1).
const MAX_BOUNDARY_BYTES: usize = 70;

/// The file of a body. `None` where the form holds none, or an empty one.
pub(super) fn file<'a>(content_type: Option<&str>, body: &'a [u8]) -> Option<&'a [u8]> {
    let found = match content_type.and_then(boundary) {
        Some(boundary) => first_file(&boundary, body)?,
        None => body,
    };
    (!found.is_empty()).then_some(found)
}

fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"'))
    })?;
    (1..=MAX_BOUNDARY_BYTES)
        .contains(&value.len())
        .then(|| format!("--{value}"))
}

fn first_file<'a>(boundary: &str, body: &'a [u8]) -> Option<&'a [u8]> {
    let mut rest = &body[find(body, boundary.as_bytes())? + boundary.len()..];
    loop {
        rest = rest.strip_prefix(b"\r\n")?;
        let head_end = find(rest, b"\r\n\r\n")?;
        let (head, content) = (&rest[..head_end], &rest[head_end + 4..]);
        let end = find(content, format!("\r\n{boundary}").as_bytes())?;
        if String::from_utf8_lossy(head)
            .to_ascii_lowercase()
            .contains("filename=")
        {
            return Some(&content[..end]);
        }
        rest = &content[end + 2 + boundary.len()..];
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: Option<&str> = Some("multipart/form-data; boundary=----x1");

    fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (head, content) in parts {
            body.extend_from_slice(b"------x1\r\nContent-Disposition: form-data; ");
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(b"\r\n\r\n");
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"------x1--\r\n");
        body
    }

    #[test]
    fn the_file_of_a_form_comes_out_byte_for_byte() {
        let pdf = b"%PDF-1.7\r\n\r\n--x1\r\n\0binary\r\n";
        let body = form(&[
            ("name=\"note\"", b"hello"),
            (
                "name=\"file\"; filename=\"c.pdf\"\r\nContent-Type: application/pdf",
                pdf,
            ),
        ]);
        assert_eq!(file(FORM, &body), Some(pdf.as_slice()));
        assert_eq!(
            file(Some("multipart/form-data;boundary=\"----x1\""), &body),
            Some(pdf.as_slice())
        );
    }

    #[test]
    fn other_bodies_are_the_file() {
        assert_eq!(
            file(Some("application/pdf"), b"%PDF"),
            Some(b"%PDF".as_slice())
        );
        assert_eq!(file(None, b"%PDF"), Some(b"%PDF".as_slice()));
        assert_eq!(file(None, b""), None);
    }

    #[test]
    fn broken_forms_hold_no_file() {
        let body = form(&[("name=\"file\"; filename=\"\"", b"")]);
        assert_eq!(file(FORM, &body), None);
        assert_eq!(file(FORM, &form(&[("name=\"note\"", b"hello")])), None);
        let whole = form(&[("name=\"file\"; filename=\"c\"", b"abc")]);
        for cut in 0..whole.len() {
            let found = file(FORM, &whole[..cut]);
            assert!(
                found.is_none() || found == Some(b"abc".as_slice()),
                "cut at {cut}"
            );
        }
        for strange in [
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "multipart/form-data; x=y",
        ] {
            let _ = file(Some(strange), &whole);
        }
    }
}
