//! The databases: made fresh, filled with people, rooms and log-ins as the program itself would store them.

use std::net::SocketAddr;

use argon2::{Argon2, PasswordHasher as _, password_hash::SaltString};
use chrono::Utc;
use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool};
use time::OffsetDateTime;
use tokio::runtime::Runtime;
use tower_sessions::SessionStore;
use tower_sessions::session::{Id, Record};
use umbrachat::accounts::model::CONSENT_VERSION;
use umbrachat::config::master_keys;
use umbrachat::database::KeyedStore;
use umbrachat::ids::{KeyId, RoomId, SessionId, UserId};
use umbrachat::vault::Vault;
use url::Url;
use uuid::Uuid;

use crate::browser::Browser;
use crate::{Kind, process};

/// The name of the program's database, and of the reference server's.
const PROGRAM: &str = "umbrachat_bench";
const REFERENCE: &str = "umbrachat_bench_reference";

const REFERENCE_SCHEMA: &str = "CREATE TABLE messages (room text, seq bigint, client_id uuid, body text,
                                                      created_at timestamptz, PRIMARY KEY (room, seq))";

/// Everybody's password.
const PASSWORD: &str = "tidal lantern orbits quietly";

/// Sessions that are opened at once: fewer than there are connections.
const OPENED_AT_ONCE: usize = 6;

/// What went wrong.
pub type Error = Box<dyn std::error::Error>;

/// PostgreSQL with both databases.
pub struct Cluster {
    /// Runs the queries.
    pub runtime: Runtime,
    /// The program's database.
    pub pool: PgPool,
    /// Its keys.
    pub vault: Vault,
    /// The master key, for `UMBRA_KEYS`.
    pub keys: String,
    /// The address of the program's database.
    pub url: Url,
    /// The address of the reference server's.
    pub reference_url: Url,
    /// The process whose children are PostgreSQL.
    pub postmaster: u32,
    /// The hash of everybody's password.
    password_hash: String,
}

/// A room and the cookies of its members.
pub struct Group {
    /// Its id.
    pub room: RoomId,
    /// Its data key.
    pub key: KeyId,
    /// Its place in addresses.
    pub slug: String,
    /// Who belongs to it.
    pub members: Vec<Person>,
}

/// Somebody who is logged in.
pub struct Person {
    /// Who.
    pub user: UserId,
    /// Their data key.
    pub key: KeyId,
    /// By which they log in.
    pub username: String,
    /// The session cookie, as a browser sends it.
    pub cookie: String,
}

impl Person {
    /// An access token.
    pub fn token(&self, address: SocketAddr) -> Result<String, Error> {
        let sent = serde_json::json!({"username": self.username, "password": PASSWORD});
        let answer = Browser::open(address, "")?.post_json("/api/token/", &sent.to_string())?;
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        Ok(answer["access"].as_str().ok_or("no token")?.to_owned())
    }
}

impl Cluster {
    /// Makes both databases anew on the PostgreSQL at that address.
    pub fn open(server: &Url) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let at = |name: &str| {
            let mut url = server.clone();
            url.set_path(name);
            url
        };
        let (url, reference_url, keys) = (at(PROGRAM), at(REFERENCE), master_keys::generate());
        let salt = SaltString::from_b64("bG9hZCBnZW5lcmF0b3I");
        let hash = salt.and_then(|salt| Ok(Argon2::default().hash_password(PASSWORD.as_bytes(), &salt)?.to_string()));
        let password_hash = hash.map_err(|error| error.to_string())?;
        let (pool, vault, postmaster) = runtime.block_on(async {
            let mut connection = PgConnection::connect(server.as_str()).await?;
            for name in [PROGRAM, REFERENCE] {
                for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
                    sqlx::query(&format!("{statement} {name}"))
                        .execute(&mut connection)
                        .await?;
                }
            }
            let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
                .fetch_one(&mut connection)
                .await?;
            let postmaster = process::parent(u32::try_from(backend)?).ok_or("PostgreSQL must run on this machine")?;
            let pool = PgPoolOptions::new()
                .max_connections(2)
                .connect_with(url.as_str().parse::<PgConnectOptions>()?)
                .await?;
            umbrachat::database::migrate(&pool).await?;
            PgConnection::connect(reference_url.as_str())
                .await?
                .execute(REFERENCE_SCHEMA)
                .await?;
            let vault = Vault::open(&pool, &keys, None).await?;
            Ok::<_, Error>((pool, vault, postmaster))
        })?;
        Ok(Self {
            runtime,
            pool,
            vault,
            keys,
            url,
            reference_url,
            postmaster,
            password_hash,
        })
    }

    /// Makes `rooms` rooms with `size` members each, all logged in. The reference has no use for them but their names.
    pub fn seed(&self, name: &str, rooms: usize, size: usize, kind: Kind) -> Result<Vec<Group>, Error> {
        let mark = match kind {
            Kind::Program => "u",
            Kind::Reference => "r",
        };
        self.runtime.block_on(async {
            let mut groups = Vec::with_capacity(rooms);
            for number in 0..rooms {
                groups.push(self.seed_room(&format!("{name}-{mark}-{number}"), size).await?);
            }
            sqlx::query("ANALYZE").execute(&self.pool).await?;
            Ok(groups)
        })
    }

    async fn seed_room(&self, slug: &str, size: usize) -> Result<Group, Error> {
        let mut tx = self.pool.begin().await?;
        let (room, key) = (RoomId::new(), self.vault.create_data_key(&mut tx).await?);
        sqlx::query(
            "INSERT INTO rooms (id, slug, slug_key, title, topic, kind, data_key_id) VALUES ($1, $2, $2, $2, '', 'public', $3)",
        )
        .bind(room)
        .bind(slug)
        .bind(key)
        .execute(&mut *tx)
        .await?;
        let store = KeyedStore::new(self.pool.clone(), self.vault.session_key());
        let opened = (0..size).map(|_| open_session(&store));
        let opened: Vec<_> = stream::iter(opened).buffered(OPENED_AT_ONCE).try_collect().await?;
        let mut members = Vec::with_capacity(size);
        for (number, (_, id)) in opened.iter().enumerate() {
            members.push(Person {
                user: UserId::new(),
                key: self.vault.create_data_key(&mut tx).await?,
                username: format!("{slug}-{number}"),
                cookie: format!("umbra_session_{}={id}", self.vault.chat()),
            });
        }
        let users: Vec<Uuid> = members.iter().map(|person| person.user.0).collect();
        let names: Vec<&str> = members.iter().map(|person| &*person.username).collect();
        let keys: Vec<Uuid> = members.iter().map(|person| person.key.0).collect();
        sqlx::query(
            "INSERT INTO users (id, username, name_key, first_name, last_name, first_key, last_key, password_hash, role,
                                data_key_id, consent_version, consented_at)
             SELECT id, name, name, 'Load', name, 'load', name, $5, 'member', key, $6, $4
             FROM UNNEST($1::uuid[], $2::text[], $3::uuid[]) AS person (id, name, key)",
        )
        .bind(&users)
        .bind(&names)
        .bind(&keys)
        .bind(Utc::now())
        .bind(&self.password_hash)
        .bind(CONSENT_VERSION)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO members (room_id, user_id, role) SELECT $1, id, 'member' FROM UNNEST($2::uuid[]) AS id",
        )
        .bind(room)
        .bind(&users)
        .execute(&mut *tx)
        .await?;
        let sessions: Vec<Uuid> = opened.iter().map(|(login, _)| login.0).collect();
        let store_ids: Vec<String> = opened.iter().map(|(_, id)| store.stored_id(*id).to_string()).collect();
        sqlx::query(
            "INSERT INTO user_sessions (id, store_id, user_id, remember, device, expires_at)
             SELECT id, store_id, person, false, 'load generator', now() + interval '1 day'
             FROM UNNEST($1::uuid[], $2::text[], $3::uuid[]) AS login (id, store_id, person)",
        )
        .bind(&sessions)
        .bind(&store_ids)
        .bind(&users)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Group {
            room,
            key,
            slug: slug.to_owned(),
            members,
        })
    }

    /// Makes all of those people members of all of these rooms.
    pub fn add_members(&self, groups: &[Group], people: &[Person]) -> Result<(), Error> {
        let rooms: Vec<Uuid> = groups.iter().map(|group| group.room.0).collect();
        let users: Vec<Uuid> = people.iter().map(|person| person.user.0).collect();
        let query = sqlx::query(
            "INSERT INTO members (room_id, user_id, role)
             SELECT room, id, 'member' FROM UNNEST($1::uuid[]) AS room, UNNEST($2::uuid[]) AS id",
        );
        self.runtime.block_on(async {
            query.bind(rooms).bind(users).execute(&self.pool).await?;
            sqlx::query("ANALYZE members").execute(&self.pool).await?;
            Ok(())
        })
    }

    /// Messages that are stored in these rooms.
    pub fn count_stored(&self, groups: &[Group], kind: Kind) -> Result<i64, Error> {
        let (rooms, slugs): (Vec<Uuid>, Vec<&str>) = groups.iter().map(|group| (group.room.0, &*group.slug)).unzip();
        self.runtime.block_on(async {
            let mut database = self.connect(kind).await?;
            let query = match kind {
                Kind::Program => {
                    sqlx::query_scalar("SELECT count(*) FROM messages WHERE room_id = ANY($1)").bind(rooms)
                }
                Kind::Reference => sqlx::query_scalar("SELECT count(*) FROM messages WHERE room = ANY($1)").bind(slugs),
            };
            Ok(query.fetch_one(&mut database).await?)
        })
    }

    /// A connection to the database of that server.
    pub async fn connect(&self, kind: Kind) -> Result<PgConnection, Error> {
        let url = match kind {
            Kind::Program => &self.url,
            Kind::Reference => &self.reference_url,
        };
        Ok(PgConnection::connect(url.as_str()).await?)
    }

    /// Transactions that were committed so far, in the database of that address.
    pub fn transactions(&self, url: &Url) -> Result<i64, Error> {
        let name = url.path().trim_start_matches('/');
        let query = sqlx::query_scalar("SELECT xact_commit FROM pg_stat_database WHERE datname = $1").bind(name);
        Ok(self.runtime.block_on(query.fetch_one(&self.pool))?)
    }
}

/// Opens a session of the library for a log-in that is stored later.
async fn open_session(store: &KeyedStore) -> Result<(SessionId, Id), Error> {
    let login = SessionId::new();
    let mut record = Record {
        id: Id::default(),
        data: [("login".to_owned(), serde_json::json!(login.0))].into(),
        expiry_date: OffsetDateTime::now_utc() + time::Duration::days(1),
    };
    store.create(&mut record).await?;
    Ok((login, record.id))
}
