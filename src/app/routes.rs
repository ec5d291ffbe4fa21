//! Every address of the program, in groups. What the requests of a group go through stands in one list, read from the
//! outside in.

use std::sync::Arc;
use std::time::Duration;

use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::middleware::Cors;
use poem::web::Data;
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Route, get, handler};

use crate::accounts::model::MAX_PICTURE;
use crate::accounts::{
    admit_upload, ask_for_consent, ask_to_log_in, lead_to_setup, recognise_anybody, recognise_program, recognise_user,
    refuse_before_setup,
};
use crate::admin::confirm_administrator;
use crate::api::{exchange_sealed, limit_accounts, limit_addresses, say_what_is_allowed, wrap_in_envelope};
use crate::chat::{join_invited, show_unsent};
use crate::live::Live;
use crate::middleware::Next;
use crate::realtime::{Sockets, note_request};
use crate::web::csrf::{check_origin, check_origin_and_header, check_token, check_token_in_header, provide_context};
use crate::web::errors::{answer_errors, answer_errors_as_problems};
use crate::web::headers::add_security_headers;
use crate::web::limits::{Deadlines, LargeBody, Pace, buffer_body, buffer_large_body, within_deadline};
use crate::web::normalise::{drop_last_slash, redirect_to_one_address};
use crate::{App, accounts, admin, api, chat, database, live, rooms, settings, site, web};

/// The largest body of a form or of a program's request, in bytes.
const BODY: usize = 64 << 10;
/// A form with a picture: somewhat more than the largest, so that the form can say what is wrong with it.
const PICTURE_BODY: LargeBody = LargeBody {
    limit: MAX_PICTURE + (1 << 20) + BODY,
    pace: Pace {
        least_rate: 32_768.0,
        grace: Duration::from_secs(10),
    },
};
/// A page must be there soon; a password in a form may have to wait its turn to be hashed.
const PAGES: Deadlines = Deadlines {
    reading: Duration::from_millis(4500),
    changing: Duration::from_secs(15),
};
/// A picture may come slowly; what is done with it then has the time of a page.
const PICTURES: Deadlines = Deadlines {
    reading: PAGES.reading,
    changing: Duration::from_secs(240),
};
/// Programs wait for the same.
const PROGRAMS: Deadlines = PAGES;

/// Puts what stands last behind a list of middleware, which a request goes through from the first on.
macro_rules! stack {
    (; $last:expr) => { $last };
    ($first:expr $(, $rest:expr)*; $last:expr) => { stack!($($rest),*; $last).within($first) };
}

/// Every address of the program.
pub(super) fn routes(app: App, live: Arc<Live>, sockets: Arc<Sockets>) -> impl Endpoint<Output = Response> {
    let groups = Groups {
        pages: pages(live.clone()),
        programs: programs(&app),
        program_sockets: program_sockets(live),
        program_uploads: program_uploads(&app),
        pictures: with_cors(&app, pictures()),
        uploads: uploads(),
        transfers: with_cors(&app, transfers()),
        plain: plain(),
    };
    let provide_parts = move |next: Next, mut request: Box<Request>| {
        request.set_data(app.clone());
        request.set_data(sockets.clone());
        async move { next.call(request).await }
    };
    stack!(provide_parts, note_request, add_security_headers; Next::one_of(move |request| groups.of(request)))
}

/// The groups of addresses. An address belongs to one by its first part, but for those that take files.
struct Groups {
    pages: Next,
    programs: Next,
    program_sockets: Next,
    program_uploads: Next,
    pictures: Next,
    uploads: Next,
    transfers: Next,
    plain: Next,
}

impl Groups {
    fn of(&self, request: &Request) -> Next {
        let path = request.uri().path();
        let group = match path.split('/').nth(1) {
            _ if path == "/settings/picture" => &self.pictures,
            _ if request.method() == Method::POST && is_upload(path) => &self.uploads,
            _ if api::is_upload(path) => &self.program_uploads,
            _ if path.trim_end_matches('/') == live::PROGRAMS => &self.program_sockets,
            Some("pictures") => &self.pictures,
            Some("api") if path.trim_end_matches('/') != "/api/docs" => &self.programs,
            Some("files") => &self.transfers,
            Some("assets" | "healthz" | "readyz") => &self.plain,
            _ => &self.pages,
        };
        group.clone()
    }
}

/// Whether files for messages are sent to that address: `/chat/room/<name>/files`.
fn is_upload(path: &str) -> bool {
    let mut parts = path.strip_prefix("/chat/room/").unwrap_or_default().split('/');
    parts.next().is_some() && parts.next() == Some("files") && parts.next().is_none()
}

/// What people see: a cookie says who asks, forms carry a token, errors are pages (or fragments, or JSON, by what is
/// asked for). The sockets of the pages are among them.
fn pages(live: Arc<Live>) -> Next {
    let features = [
        accounts::routes,
        rooms::routes,
        chat::routes,
        settings::routes,
        admin::routes,
        api::pages,
        site::routes,
        live::routes,
    ];
    let routes = features
        .into_iter()
        .fold(Route::new(), |routes, feature| feature(routes));
    let routes = routes.data(live);
    stack!(
        provide_context,
        answer_errors,
        redirect_to_one_address,
        |next, request| within_deadline(next, request, PAGES),
        |next, request| buffer_body(next, request, BODY),
        check_origin,
        lead_to_setup,
        recognise_user,
        ask_to_log_in,
        show_unsent,
        check_token,
        ask_for_consent,
        join_invited,
        confirm_administrator;
        Next::new(routes)
    )
}

/// What programs use: no cookie is a way in, and every error is a problem in JSON (RFC 9457). Addresses count with and
/// without a slash at their end, because programs lose method, body or authorisation on a redirect.
fn programs(app: &App) -> Next {
    let routes = api::routes(Route::new());
    let programs = stack!(
        limit_addresses,
        answer_errors_as_problems,
        |next, request| within_deadline(next, request, PROGRAMS),
        recognise_program,
        limit_accounts,
        |next, request| exchange_sealed(next, request, BODY),
        answer_errors_as_problems,
        |next, request| buffer_body(next, request, BODY),
        refuse_before_setup,
        wrap_in_envelope,
        drop_last_slash,
        say_what_is_allowed;
        Next::new(routes)
    );
    with_cors(app, programs)
}

/// The socket of programs: what holds for their requests holds for its handshake, but that a cookie is a way in too. Every
/// handshake counts for its address before anything is looked up for it.
fn program_sockets(live: Arc<Live>) -> Next {
    let routes = live::program_routes(Route::new()).data(live);
    stack!(
        limit_addresses,
        answer_errors_as_problems,
        |next, request| within_deadline(next, request, PROGRAMS),
        refuse_before_setup,
        recognise_user,
        drop_last_slash;
        Next::new(routes)
    )
}

/// Files of programs on their way in.
fn program_uploads(app: &App) -> Next {
    let routes = api::uploads(Route::new());
    let uploads = stack!(
        limit_addresses,
        answer_errors_as_problems,
        recognise_program,
        limit_accounts,
        answer_errors_as_problems,
        refuse_before_setup,
        wrap_in_envelope,
        drop_last_slash,
        say_what_is_allowed;
        Next::new(routes)
    );
    with_cors(app, uploads)
}

/// Lets pages of other sites, where some are named, use what programs use, with a token: nothing that their visitors' browsers
/// keep for this site comes along. A request from anywhere else is answered as ever, and its browser shows the answer to no page.
fn with_cors(app: &App, group: Next) -> Next {
    let named = app.config.cors_origins.clone();
    if named.is_empty() {
        return group;
    }
    let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let answered = [
        "link",
        "location",
        "retry-after",
        "ratelimit",
        "ratelimit-policy",
        "www-authenticate",
        "content-disposition",
        "content-range",
    ];
    let cors = Cors::new()
        .allow_origins(&named)
        .allow_methods(methods)
        .allow_headers(["authorization", "content-type", "accept", "range", "umbra-key"])
        .expose_headers(answered)
        .max_age(600);
    let for_named = stack!(answer_errors_as_problems; Next::new(group.clone().with(cors).map_to_response()));
    let choose = move |unnamed: Next, request: Box<Request>| {
        let origin = request.header(header::ORIGIN);
        let is_named = origin.is_some_and(|origin| named.iter().any(|named| named == origin));
        let next = if is_named { for_named.clone() } else { unnamed };
        async move {
            let mut response = next.call(request).await?;
            // Not what `Cors` says, which leaves out what else answers depend on.
            let varies = HeaderValue::from_static("Accept, Origin");
            response.headers_mut().insert(header::VARY, varies);
            Ok(response)
        }
    };
    group.within(choose)
}

/// People's pictures on their way in and out: as for pages, but a larger body is read, of people with an account alone.
fn pictures() -> Next {
    let routes = settings::picture(accounts::pictures(Route::new()));
    stack!(
        provide_context,
        answer_errors,
        |next, request| within_deadline(next, request, PICTURES),
        lead_to_setup,
        recognise_anybody,
        ask_to_log_in,
        |next, request| admit_upload(next, request, &accounts::PICTURES),
        |next, request| buffer_large_body(next, request, PICTURE_BODY),
        check_origin,
        check_token,
        |next, request| within_deadline(next, request, PAGES);
        Next::new(routes)
    )
}

/// Files on their way in: they are stored as they come, however long that takes.
fn uploads() -> Next {
    let routes = chat::uploads(Route::new());
    stack!(
        provide_context,
        answer_errors,
        lead_to_setup,
        recognise_user,
        ask_to_log_in,
        check_origin_and_header;
        Next::new(routes)
    )
}

/// Files on their way out, which are opened as they are sent; their first bytes have the time of a page. What changes
/// something carries the token in a header.
fn transfers() -> Next {
    let routes = chat::transfers(Route::new());
    stack!(
        provide_context,
        answer_errors,
        |next, request| within_deadline(next, request, PAGES),
        check_token_in_header,
        lead_to_setup,
        recognise_anybody,
        ask_to_log_in;
        Next::new(routes)
    )
}

/// What is the same for everybody, whether somebody has an account or not.
fn plain() -> Next {
    let routes = Route::new().at("/healthz", get(healthz)).at("/readyz", get(readyz));
    let routes = web::assets::routes(routes);
    stack!(
        provide_context,
        answer_errors,
        |next, request| within_deadline(next, request, PAGES);
        Next::new(routes)
    )
}

/// Whether the process lives; it says nothing of the database.
#[handler]
fn healthz() -> &'static str {
    "ok"
}

/// Whether the program can do its work: 200 or 503, and which part is missing.
#[handler]
async fn readyz(app: Data<&App>) -> Response {
    let (database, schema) = match database::is_current(&app.db).await {
        Ok(true) => ("ok", "ok"),
        Ok(false) => ("ok", "not up to date"),
        Err(_) => ("away", "unknown"),
    };
    let status = if schema == "ok" && app.bus.is_up() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let bus = if app.bus.is_up() { "ok" } else { "away" };
    let text = format!(
        "database: {database}\nmigrations: {schema}\nbus: {bus}, {}\n",
        app.bus.describe()
    );
    text.with_status(status).into_response()
}
