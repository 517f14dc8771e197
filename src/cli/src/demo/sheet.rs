//! The sheet of badges: QR codes on a page, to scan from the screen or from paper, or to type.

use super::conference::Person;

/// The page as one HTML file that needs nothing else.
///
/// # Errors
/// Where a badge does not fit into a QR code, which none of the sample's does.
pub(crate) fn page(title: &str, people: &[Person]) -> Result<String, qrcode::types::QrError> {
    let mut cards = String::new();
    for person in people {
        let code = qrcode::QrCode::with_error_correction_level(person.badge, qrcode::EcLevel::M)?;
        let svg = code
            .render::<qrcode::render::svg::Color<'_>>()
            .min_dimensions(180, 180)
            .build();
        let svg = svg.split_once("?>").map_or(svg.as_str(), |(_, rest)| rest);
        cards.push_str(&format!(
            "<li><span role=\"img\" aria-label=\"QR code {badge}\">{svg}</span><b lang=\"{language}\">{name}</b><code>{badge}</code></li>\n",
            badge = escape(person.badge),
            name = escape(person.name),
            language = escape(person.language),
        ));
    }
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\n\
<body><h1>{title}</h1><p>Hold a code before a scanner or, if the demo runs with <code>--camera</code>, before its camera: printed, or as a picture on a phone. Or type the code into the demo's terminal.</p>\n\
<ul>{cards}</ul></body></html>\n",
        title = escape(title),
    ))
}

const STYLE: &str = "body{font:16px/1.4 'Noto Sans',sans-serif;margin:2rem;color:#111;background:#fff}\
ul{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:1rem;padding:0;list-style:none}\
li{border:1px solid #bbb;border-radius:6px;padding:1rem;text-align:center;break-inside:avoid}\
li span,li b,li code{display:block}li svg{width:11rem;height:11rem}li code{margin-top:.3rem;font-size:1rem}";

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_are_escaped_and_codes_drawn() {
        let person = Person {
            badge: "A&B",
            name: "<script>",
            language: "en",
        };
        let page = page("T", &[person]).unwrap();
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
        assert!(page.contains("<svg") && page.contains("A&amp;B") && !page.contains("<?xml"));
    }
}
