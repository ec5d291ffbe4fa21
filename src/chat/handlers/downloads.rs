//! Files as others get them: whole or in part, each time only if the message they go with is open to whoever asks.

use std::ops::{Bound, Range as Span};
use std::sync::Arc;

use futures_util::StreamExt;
use headers::{ETag, HeaderMapExt, IfNoneMatch, IfRange, Range};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use poem::http::{HeaderMap, HeaderValue, StatusCode, header};
use poem::web::{Data, Path};
use poem::{Body, Response, handler};

use super::files::parse_id;
use crate::accounts::CurrentUser;
use crate::files::serving::{self, Found};
use crate::files::{Details, Kind};
use crate::ids::{FileId, UserId};
use crate::vault::{FileCipher, FilePart};
use crate::{App, Error, Result, accounts};

/// What is not escaped in a name in a header (RFC 8187).
const OUTSIDE_HEADERS: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// A file that is opened by itself can do nothing. The styles are those of the page that browsers make around a picture.
const POLICY: &str = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'";

/// A file, or a part of it.
#[handler]
pub async fn show(
    app: Data<&App>,
    user: CurrentUser,
    headers: &HeaderMap,
    Path((id, _)): Path<(String, String)>,
) -> Result<Response> {
    let Found { file, whole, .. } = serving::find(&app, user.id, parse_id(&id)?).await?;
    let details = file.details.ok_or(Error::NotFound)?;
    let (disposition, part) = (disposition(&details), FilePart::Whole);
    let served = Served {
        reader: user.id,
        id: file.id,
        part,
        cipher: whole,
        size: file.size.0,
        content_type: details.content_type,
    };
    let mut response = served.answer(&app, headers).await?;
    response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
    Ok(response)
}

/// The small picture of a file.
#[handler]
pub async fn show_thumbnail(
    app: Data<&App>,
    user: CurrentUser,
    headers: &HeaderMap,
    Path(id): Path<String>,
) -> Result<Response> {
    let Found { file, thumbnail, .. } = serving::find(&app, user.id, parse_id(&id)?).await?;
    let picture = file
        .details
        .and_then(|details| details.picture)
        .ok_or(Error::NotFound)?;
    let served = Served {
        reader: user.id,
        id: file.id,
        part: FilePart::Thumbnail,
        cipher: thumbnail,
        size: picture.thumbnail_size,
        content_type: picture.thumbnail_type,
    };
    served.answer(&app, headers).await
}

/// What is served, and how.
struct Served {
    reader: UserId,
    id: FileId,
    part: FilePart,
    cipher: Arc<FileCipher>,
    size: u64,
    content_type: String,
}

impl Served {
    /// All of it, or the part that is asked for (RFC 9110, 13 and 14). Whoever has kept it asks each time, so that they
    /// have it only as long as it is open to them.
    async fn answer(self, app: &App, headers: &HeaderMap) -> Result<Response> {
        let suffix = if self.part == FilePart::Whole { "" } else { "-thumbnail" };
        let tag: ETag = format!("\"{}{suffix}\"", self.id).parse().map_err(Error::internal)?;
        let mut builder = Response::builder()
            .typed_header(tag.clone())
            .header(header::CACHE_CONTROL, "private, no-cache")
            .header(header::CONTENT_SECURITY_POLICY, POLICY)
            .header(header::ACCEPT_RANGES, "bytes");
        if headers
            .typed_get::<IfNoneMatch>()
            .is_some_and(|kept| !kept.precondition_passes(&tag))
        {
            return Ok(builder.status(StatusCode::NOT_MODIFIED).finish());
        }
        let is_current = headers
            .typed_get::<IfRange>()
            .is_none_or(|kept| !kept.is_modified(Some(&tag), None));
        let range = headers.typed_get::<Range>().filter(|_| is_current);
        let text = headers
            .get(header::RANGE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let span = match range.as_ref().map(|range| requested(range, text, self.size)) {
            None | Some(Requested::All) => 0..self.size,
            Some(Requested::None) => {
                return Ok(builder
                    .status(StatusCode::RANGE_NOT_SATISFIABLE)
                    .header(header::CONTENT_RANGE, format!("bytes */{}", self.size))
                    .finish());
            }
            Some(Requested::Span(span)) => {
                let (first, last) = (span.start, span.end - 1);
                builder = builder
                    .status(StatusCode::PARTIAL_CONTENT)
                    .header(header::CONTENT_RANGE, format!("bytes {first}-{last}/{}", self.size));
                span
            }
        };
        let length = span.end - span.start;
        let turn = accounts::DOWNLOADS.take(self.reader)?;
        let bytes = serving::stream(app, self.id, self.part, self.cipher, self.size, span).await?;
        let bytes = bytes.inspect(move |_| {
            let _held = &turn;
        });
        Ok(builder
            .content_type(self.content_type)
            .header(header::CONTENT_LENGTH, length)
            .body(Body::from_bytes_stream(bytes)))
    }
}

/// What of a file is asked for.
enum Requested {
    All,
    Span(Span<u64>),
    /// Nothing that is there.
    None,
}

/// Whether a range begins with a number, where there is nothing any more.
fn begins_behind(text: &str, size: u64) -> bool {
    let begin = text.strip_prefix("bytes=").and_then(|range| range.split_once('-'));
    begin.is_some_and(|(begin, _)| begin.trim().parse().is_ok_and(|begin: u64| begin >= size))
}

/// Several parts at once are answered with all of it.
fn requested(range: &Range, text: &str, size: u64) -> Requested {
    let mut spans = range.satisfiable_ranges(size).map(|(begin, end)| {
        let begin = match begin {
            Bound::Included(at) => at,
            Bound::Excluded(at) => at + 1,
            Bound::Unbounded => 0,
        };
        let end = match end {
            Bound::Included(at) => at.saturating_add(1),
            Bound::Excluded(at) => at,
            Bound::Unbounded => size,
        };
        begin..end.min(size)
    });
    match (spans.next(), spans.next()) {
        (Some(span), None) if span.start < span.end => Requested::Span(span),
        (Some(_), Some(_)) => Requested::All,
        // A suffix longer than the file, or what is no range at all, asks for all of it.
        _ if begins_behind(text, size) => Requested::None,
        _ => Requested::All,
    }
}

/// Shown where it stands if it is of a kind that is only seen or heard, saved otherwise (RFC 6266, RFC 8187).
fn disposition(details: &Details) -> HeaderValue {
    let kind = match details.kind() {
        Kind::Other => "attachment",
        Kind::Picture | Kind::Audio | Kind::Video => "inline",
    };
    let name = utf8_percent_encode(details.name.as_str(), &OUTSIDE_HEADERS);
    let value = HeaderValue::try_from(format!("{kind}; filename*=UTF-8''{name}"));
    value.unwrap_or(HeaderValue::from_static("attachment"))
}
