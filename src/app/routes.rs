//! Every address of the program, in groups. What the requests of a group go through stands in one list, read from the
//! outside in.

use std::sync::Arc;
use std::time::Duration;

use poem::endpoint::{BoxEndpoint, make};
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

/// Routes behind what their requests go through.
type Group = BoxEndpoint<'static, Response>;

/// Puts routes behind a list of middleware, which a request goes through from the first to the last. Boxed after every third,
/// so that the type of the whole does not outgrow the compiler, and a request is not given memory for each.
macro_rules! stack {
    ($first:expr; $routes:expr) => { $routes.around($first).boxed() };
    ($first:expr, $second:expr; $routes:expr) => { $routes.around($second).around($first).boxed() };
    ($first:expr, $second:expr, $third:expr; $routes:expr) => {
        $routes.around($third).around($second).around($first).boxed()
    };
    ($first:expr, $second:expr, $third:expr, $($rest:expr),+; $routes:expr) => {
        stack!($first, $second, $third; stack!($($rest),+; $routes))
    };
}

/// Every address of the program.
pub(super) fn routes(app: App, live: Arc<Live>, sockets: Arc<Sockets>) -> impl Endpoint<Output = Response> {
    let groups = Arc::new(Groups {
        pages: pages(live.clone()),
        programs: programs(&app),
        program_sockets: program_sockets(live),
        program_uploads: program_uploads(&app),
        pictures: with_cors(&app, pictures()),
        uploads: uploads(),
        transfers: with_cors(&app, transfers()),
        plain: plain(),
    });
    let dispatch = make(move |request: Request| {
        let groups = groups.clone();
        async move { groups.of(&request).call(request).await }
    });
    dispatch
        .around(add_security_headers)
        .around(note_request)
        .data(app)
        .data(sockets)
}

/// The groups of addresses. An address belongs to one by its first part, but for those that take files.
struct Groups {
    pages: Group,
    programs: Group,
    program_sockets: Group,
    program_uploads: Group,
    pictures: Group,
    uploads: Group,
    transfers: Group,
    plain: Group,
}

impl Groups {
    fn of(&self, request: &Request) -> &Group {
        let path = request.uri().path();
        match path.split('/').nth(1) {
            _ if path == "/settings/picture" => &self.pictures,
            _ if request.method() == Method::POST && is_upload(path) => &self.uploads,
            _ if api::is_upload(path) => &self.program_uploads,
            _ if path.trim_end_matches('/') == live::PROGRAMS => &self.program_sockets,
            Some("pictures") => &self.pictures,
            Some("api") if path.trim_end_matches('/') != "/api/docs" => &self.programs,
            Some("files") => &self.transfers,
            Some("assets" | "healthz" | "readyz") => &self.plain,
            _ => &self.pages,
        }
    }
}

/// Whether files for messages are sent to that address: `/chat/room/<name>/files`.
fn is_upload(path: &str) -> bool {
    let mut parts = path.strip_prefix("/chat/room/").unwrap_or_default().split('/');
    parts.next().is_some() && parts.next() == Some("files") && parts.next().is_none()
}

/// What people see: a cookie says who asks, forms carry a token, errors are pages (or fragments, or JSON, by what is
/// asked for). The sockets of the pages are among them.
fn pages(live: Arc<Live>) -> Group {
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
    let routes = routes.data(live).boxed();
    stack!(
        provide_context,
        answer_errors,
        redirect_to_one_address,
        |inner, request| within_deadline(inner, request, PAGES),
        |inner, request| buffer_body(inner, request, BODY),
        check_origin,
        lead_to_setup,
        recognise_user,
        ask_to_log_in,
        show_unsent,
        check_token,
        ask_for_consent,
        join_invited,
        confirm_administrator;
        routes
    )
}

/// What programs use: no cookie is a way in, and every error is a problem in JSON (RFC 9457). Addresses count with and
/// without a slash at their end, because programs lose method, body or authorisation on a redirect.
fn programs(app: &App) -> Group {
    let routes = api::routes(Route::new()).boxed();
    let programs = stack!(
        limit_addresses,
        answer_errors_as_problems,
        |inner, request| within_deadline(inner, request, PROGRAMS),
        recognise_program,
        limit_accounts,
        |inner, request| exchange_sealed(inner, request, BODY),
        answer_errors_as_problems,
        |inner, request| buffer_body(inner, request, BODY),
        refuse_before_setup,
        wrap_in_envelope,
        drop_last_slash,
        say_what_is_allowed;
        routes
    );
    with_cors(app, programs)
}

/// The socket of programs: what holds for their requests holds for its handshake, but that a cookie is a way in too. Every
/// handshake counts for its address before anything is looked up for it.
fn program_sockets(live: Arc<Live>) -> Group {
    let routes = live::program_routes(Route::new()).data(live).boxed();
    stack!(
        limit_addresses,
        answer_errors_as_problems,
        |inner, request| within_deadline(inner, request, PROGRAMS),
        refuse_before_setup,
        recognise_user,
        drop_last_slash;
        routes
    )
}

/// Files of programs on their way in.
fn program_uploads(app: &App) -> Group {
    let routes = api::uploads(Route::new()).boxed();
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
        routes
    );
    with_cors(app, uploads)
}

/// Lets pages of other sites, where some are named, use what programs use, with a token: nothing that their visitors' browsers
/// keep for this site comes along. A request from anywhere else is answered as ever, and its browser shows the answer to no page.
fn with_cors(app: &App, group: Group) -> Group {
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
    let group = Arc::new(group);
    let for_named = Arc::new(stack!(answer_errors_as_problems; group.clone().with(cors)));
    let named: Arc<[String]> = named.into();
    make(move |request: Request| {
        let origin = request.header(header::ORIGIN);
        let is_named = origin.is_some_and(|origin| named.iter().any(|named| named == origin));
        let (group, for_named) = (group.clone(), for_named.clone());
        async move {
            let mut response = if is_named {
                for_named.call(request).await?
            } else {
                group.call(request).await?
            };
            // Not what `Cors` says, which leaves out what else answers depend on.
            let varies = HeaderValue::from_static("Accept, Origin");
            response.headers_mut().insert(header::VARY, varies);
            Ok::<_, poem::Error>(response)
        }
    })
    .boxed()
}

/// People's pictures on their way in and out: as for pages, but a larger body is read, of people with an account alone.
fn pictures() -> Group {
    let routes = settings::picture(accounts::pictures(Route::new())).boxed();
    stack!(
        provide_context,
        answer_errors,
        |inner, request| within_deadline(inner, request, PICTURES),
        lead_to_setup,
        recognise_anybody,
        ask_to_log_in,
        |inner, request| admit_upload(inner, request, &accounts::PICTURES),
        |inner, request| buffer_large_body(inner, request, PICTURE_BODY),
        check_origin,
        check_token,
        |inner, request| within_deadline(inner, request, PAGES);
        routes
    )
}

/// Files on their way in: they are stored as they come, however long that takes.
fn uploads() -> Group {
    let routes = chat::uploads(Route::new()).boxed();
    stack!(
        provide_context,
        answer_errors,
        lead_to_setup,
        recognise_user,
        ask_to_log_in,
        check_origin_and_header;
        routes
    )
}

/// Files on their way out, which are opened as they are sent; their first bytes have the time of a page. What changes
/// something carries the token in a header.
fn transfers() -> Group {
    let routes = chat::transfers(Route::new()).boxed();
    stack!(
        provide_context,
        answer_errors,
        |inner, request| within_deadline(inner, request, PAGES),
        check_token_in_header,
        lead_to_setup,
        recognise_anybody,
        ask_to_log_in;
        routes
    )
}

/// What is the same for everybody, whether somebody has an account or not.
fn plain() -> Group {
    let routes = Route::new().at("/healthz", get(healthz)).at("/readyz", get(readyz));
    let routes = web::assets::routes(routes).boxed();
    stack!(
        provide_context,
        answer_errors,
        |inner, request| within_deadline(inner, request, PAGES);
        routes
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
