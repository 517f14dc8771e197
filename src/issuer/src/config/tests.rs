#![allow(clippy::unwrap_used)]
use super::*;

const LEAST: &str = "data_dir = \"d\"\nissuer = \"ce.example.org\"\n";

fn good(more: &str) -> Config {
    parse(&format!("{LEAST}{more}"), "issuer.toml").unwrap()
}

#[track_caller]
fn refused(text: &str, words: &[&str]) {
    let said = parse(text, "issuer.toml").unwrap_err().to_string();
    assert!(said.starts_with("issuer.toml"), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} is not in: {said}");
    }
}

#[test]
fn the_shipped_sample_is_good_with_every_setting_switched_on() {
    let sample = include_str!("../../../../config/issuer.toml");
    let plain = parse(sample, "issuer.toml").unwrap();
    assert_eq!(plain.listen.to_string(), LISTEN_DEFAULT);
    assert_eq!(plain.tls, Tls::None);
    let all = sample.replace("\n#: ", "\n");
    let all = all.replace("\nlisten = \"127.0.0.1:8600\"", "");
    let on = parse(&all, "issuer.toml").unwrap();
    assert!(matches!(on.tls, Tls::Files { .. }));
    assert_eq!(on.public_url, "https://ce.example.org:8600");
    let feeds: Vec<&str> = on.feeds.iter().map(|feed| feed.id.as_str()).collect();
    assert_eq!(feeds, ["pretalx", "pretix"]);
    for key in [
        "data_dir",
        "issuer",
        "listen",
        "public_url",
        "tls",
        "master_key",
        "fonts",
        "log",
        "clock_error_ms",
        "event",
        "url",
        "organizer",
        "slug",
        "token_file",
        "ca_file",
        "interval_s",
        "programmes",
    ] {
        assert!(
            all.lines()
                .chain(sample.lines())
                .any(|l| l.starts_with(&format!("{key} = "))),
            "{key}"
        );
    }
}

#[test]
fn what_is_not_said_has_a_default() {
    let config = good("");
    assert_eq!(config.public_url, "http://127.0.0.1:8600");
    assert_eq!(config.master_key, Path::new("d/master.key"));
    assert_eq!(config.database(), Path::new("d/issuer.db"));
    assert_eq!(config.clock_error_ms, CLOCK_ERROR_MS_DEFAULT);
    assert_eq!(good("tls = \"own\"").public_url, "https://127.0.0.1:8600");
    assert_eq!(good("listen = \"[::1]:9\"").public_url, "http://[::1]:9");
    assert_eq!(
        good("public_url = \"http://localhost:8600/\"").public_url,
        "http://localhost:8600"
    );
}

#[test]
fn typos_name_the_key_and_the_nearest() {
    refused(
        "data_dri = \"d\"\n",
        &["line 1", "`data_dri`", "did you mean `data_dir`"],
    );
    refused(
        &format!("{LEAST}log = \"debgu\""),
        &["`log`", "did you mean `debug`"],
    );
    refused(&format!("{LEAST}tls = \"ownn\""), &["`tls`", "`own`"]);
    refused(
        &format!("{LEAST}tls = {{ certificate = \"a\", kye = \"b\" }}"),
        &["`kye`", "did you mean `key`"],
    );
    refused(
        &format!("{LEAST}[tls]\ncertificate = \"a\"\nkye = \"b\"\n"),
        &["line 5", "`kye`", "did you mean `key`"],
    );
    refused(
        &format!("{LEAST}tls = {{ certificate = \"a\" }}"),
        &["`key` is missing"],
    );
    refused(&format!("{LEAST}tls = 7"), &["`tls`", "certificate"]);
    refused("data_dir = \"d\"\n", &["`issuer` is missing"]);
}

#[test]
fn beyond_this_machine_it_is_https() {
    let listen = |address: &str, more: &str| format!("{LEAST}listen = \"{address}\"\n{more}");
    refused(
        &listen("0.0.0.0:8600", ""),
        &["listen", "HTTPS only", "tls = \"own\""],
    );
    refused(&listen("192.0.2.1:8600", ""), &["HTTPS only"]);
    refused(
        &listen("0.0.0.0:8600", "tls = \"own\""),
        &["public_url", "is missing", "https://"],
    );
    refused(
        &listen("127.0.0.1:8600", "public_url = \"http://ce.example.org\""),
        &["in the clear"],
    );
    refused(
        &listen("127.0.0.1:8600", "public_url = \"https://ce.example.org\""),
        &["`tls` is not set"],
    );
    refused(
        &listen(
            "127.0.0.1:8600",
            "tls = \"own\"\npublic_url = \"http://127.0.0.1:8600\"",
        ),
        &["write https"],
    );
    refused(&listen("127.0.0.1:0", ""), &["port 0"]);
    refused(&listen("everywhere", ""), &["listen", "is no address"]);
    let config =
        good("listen = \"0.0.0.0:443\"\ntls = \"own\"\npublic_url = \"https://ce.example.org\"");
    assert_eq!(config.tls, Tls::Own);
}

#[test]
fn an_address_is_scheme_host_and_port() {
    for bad in [
        "ce.example.org",
        "ftp://ce.example.org",
        "https://",
        "https://a/b",
        "https://a?b",
        "https://me@a",
        "https://a:0",
        "https://a:99999",
        "https://a:",
        "https://[::1",
        "https://[::1]x",
        "https://a b",
        "https://[zz]:1",
    ] {
        refused(
            &format!("{LEAST}tls = \"own\"\npublic_url = \"{bad}\""),
            &["public_url", "is no address"],
        );
    }
}

#[test]
fn names_that_evidence_cannot_carry_are_refused() {
    for bad in ["", "CE", "a b", "rollcall", "cosignature", "-a"] {
        refused(
            &format!("data_dir = \"d\"\nissuer = \"{bad}\"\n"),
            &["issuer: ", "ce.example.org"],
        );
    }
    refused(
        "data_dir = \"\"\nissuer = \"a\"\n",
        &["data_dir", "name a folder"],
    );
    refused(
        &format!("{LEAST}clock_error_ms = 60001"),
        &["clock_error_ms"],
    );
}

#[test]
fn a_server_is_a_server_that_can_be_asked() {
    const SHOP: &str = "[sources.pretix]\nevent = \"gp\"\nslug = \"gp26\"\norganizer = \"ada\"\n";
    let shop = |more: &str| good(&format!("{SHOP}{more}")).feeds.remove(0);
    let plain = shop("url = \"https://pretix.eu\"\n");
    assert_eq!(plain.interval_s, feeds::INTERVAL_S_DEFAULT);
    assert_eq!(plain.url.as_str(), "https://pretix.eu/");
    let deep = shop("url = \"http://127.0.0.1:8000/shop\"\ninterval_s = 30\n");
    assert_eq!(deep.url.as_str(), "http://127.0.0.1:8000/shop/");
    let check = |more: &str, words: &[&str]| refused(&format!("{LEAST}{more}"), words);
    for (url, word) in [
        ("http://pretix.eu", "https"),
        ("pretix.eu", "no address"),
        ("https://ada:pw@pretix.eu", "no address"),
        ("https://pretix.eu/?a=b", "no address"),
        ("ftp://pretix.eu", "no address"),
    ] {
        check(
            &format!("{SHOP}url = \"{url}\"\n"),
            &["[sources.pretix] url", word],
        );
    }
    check(
        &format!("{SHOP}url = \"https://a\"\ninterval_s = 5\n"),
        &["interval_s", "30"],
    );
    check(
        &format!("{SHOP}url = \"https://a\"\ntoken = \"t\"\n"),
        &["unknown key `token`", "token_file"],
    );
    check(
        "[sources.shop]\nevent = \"gp\"\nslug = \"x\"\nurl = \"https://a\"\n",
        &["[sources.shop] kind", "pretix"],
    );
    check(
        "[sources.pretix]\nevent = \"gp\"\nslug = \"x\"\nurl = \"https://a\"\n",
        &["organizer"],
    );
    check(
        "[sources.pretalx]\nevent = \"gp\"\nslug = \"../x\"\nurl = \"https://a\"\n",
        &["slug"],
    );
    check(
        "[sources.pretalx]\nevent = \"gp\"\nslug = \"x\"\nurl = \"https://a\"\nprogrammes = { Work = \"main\" }\n",
        &["programmes", "Work"],
    );
    check(
        "[sources.\"A b\"]\nevent = \"gp\"\nslug = \"x\"\nurl = \"https://a\"\n",
        &["no id"],
    );
}
