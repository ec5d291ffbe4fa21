//! Forms with files (`multipart/form-data`, RFC 7578).

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use multer::Multipart;
use poem::Request;

/// The parts of such a form, whose body has been read; None for any other body.
pub fn parts(request: &Request, body: Bytes) -> Option<Multipart<'static>> {
    let boundary = multer::parse_boundary(request.content_type()?).ok()?;
    Some(Multipart::new(stream::iter([Ok::<_, Infallible>(body)]), boundary))
}
