//! Columns into words, and back.

use std::str::FromStr;

use evidence::{Hash, PublicKey};
use protocol::bundle::NamePolicy;
use rusqlite::Row;
use rusqlite::types::Type;

type Read<T> = rusqlite::Result<T>;

fn fault(column: usize, kind: Type, cause: &(impl ToString + ?Sized)) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, kind, cause.to_string().into())
}

/// A text column that is a word or an id.
pub(super) fn word<T>(row: &Row<'_>, column: usize) -> Read<T>
where
    T: FromStr,
    T::Err: ToString,
{
    let text = row.get_ref(column)?.as_str()?;
    text.parse()
        .map_err(|cause: T::Err| fault(column, Type::Text, &cause))
}

/// A text column that is a word or absent.
pub(super) fn word_opt<T>(row: &Row<'_>, column: usize) -> Read<Option<T>>
where
    T: FromStr,
    T::Err: ToString,
{
    match row.get_ref(column)?.as_str_or_null()? {
        None => Ok(None),
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|cause: T::Err| fault(column, Type::Text, &cause)),
    }
}

/// A column of 32 bytes.
pub(super) fn hash(row: &Row<'_>, column: usize) -> Read<Hash> {
    row.get(column).map(Hash)
}

/// A column of 32 bytes, or absent.
pub(super) fn hash_opt(row: &Row<'_>, column: usize) -> Read<Option<Hash>> {
    row.get::<_, Option<[u8; 32]>>(column).map(|h| h.map(Hash))
}

/// A column of a public key's 32 bytes.
pub(super) fn public_key(row: &Row<'_>, column: usize) -> Read<PublicKey> {
    let bytes: [u8; 32] = row.get(column)?;
    PublicKey::from_bytes(&bytes).map_err(|cause| fault(column, Type::Blob, &cause))
}

/// A text column of words, joined by commas.
pub(super) fn list<T>(row: &Row<'_>, column: usize) -> Read<Vec<T>>
where
    T: FromStr,
    T::Err: ToString,
{
    let text = row.get_ref(column)?.as_str()?;
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| {
            part.parse()
                .map_err(|cause: T::Err| fault(column, Type::Text, &cause))
        })
        .collect()
}

/// Words joined by commas; none of ours holds one.
pub(super) fn joined<T: ToString>(words: &[T]) -> String {
    let words: Vec<String> = words.iter().map(T::to_string).collect();
    words.join(",")
}

/// A text column that holds a document.
pub(super) fn json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> Read<T> {
    serde_json::from_str(row.get_ref(column)?.as_str()?)
        .map_err(|cause| fault(column, Type::Text, &cause))
}

/// How much of a name is shown, as text.
pub(super) const fn names_text(policy: NamePolicy) -> &'static str {
    match policy {
        NamePolicy::None => "none",
        NamePolicy::First => "first",
        NamePolicy::Full => "full",
    }
}

/// Reads what [`names_text`] wrote.
pub(super) fn names(row: &Row<'_>, column: usize) -> Read<NamePolicy> {
    match row.get_ref(column)?.as_str()? {
        "none" => Ok(NamePolicy::None),
        "first" => Ok(NamePolicy::First),
        "full" => Ok(NamePolicy::Full),
        other => Err(fault(column, Type::Text, other)),
    }
}
