//! What every command has at hand: the client, how to print, and how to find what was named in short.

use flagstone_api::pb;
use flagstone_client::{Client, Code, Error, MemoryStore, Tokens};
use futures::{Stream, StreamExt, TryStreamExt};
use prost::{Message, Name};

use crate::cli::Global;
use crate::config::{self, Folder};
use crate::credentials::FileStore;
use crate::failure::Failure;
use crate::names::{self, Typed};
use crate::output::{Column, Format};
use crate::text;

/// Every business unit that the caller may read.
const ALL: &str = "businessUnits/-";

/// What every command has at hand.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) format: Format,
    pub(crate) folder: Folder,
    /// URL of the server.
    pub(crate) server: String,
    /// `--unit`, as a name.
    unit: Option<String>,
}

impl Context {
    /// Reads configuration and tokens. The first call connects.
    pub(crate) async fn new(global: Global) -> Result<Self, Failure> {
        let folder = Folder::find(global.config_dir)?;
        let server = config::server(global.server, &folder.config()?);
        let builder = Client::builder(&server).client_name(concat!("cli/", env!("CARGO_PKG_VERSION")));
        let builder = match config::api_token() {
            // Wins over what is stored, and is not stored.
            Some(secret) => builder.token_store(MemoryStore::with(Tokens::api_token(secret))),
            None => builder.token_store(FileStore::new(folder.clone(), server.clone())),
        };
        let client = builder.build().await.map_err(|error| match error.code {
            Code::InvalidArgument => Failure::Usage(error.message),
            _ => error.into(),
        })?;
        let unit = global.unit.map(|unit| names::alone(&unit, "businessUnits")).transpose()?;
        Ok(Self { client, format: global.output, folder, server, unit })
    }

    /// `--unit`, where it was given: commands that are about the organization without one ask for this.
    pub(crate) fn given_unit(&self) -> Option<String> {
        self.unit.clone()
    }

    /// The business unit to act in: the given one, the caller's active one, or the only one.
    pub(crate) async fn unit(&self) -> Result<String, Failure> {
        if let Some(unit) = &self.unit {
            return Ok(unit.clone());
        }
        let me = self.client.users().get_me(pb::GetMeRequest {}).await?.into_inner();
        if !me.active_business_unit.is_empty() {
            return Ok(me.active_business_unit);
        }
        if let [only] = me.memberships.as_slice() {
            return Ok(only.business_unit.clone());
        }
        let few = pb::ListBusinessUnitsRequest { page_size: 10, ..Default::default() };
        let units: Vec<_> = self.client.list_business_units(few).take(10).try_collect().await?;
        match units.as_slice() {
            [only] => Ok(only.name.clone()),
            [] => Err(Failure::Usage("You are in no business unit.".to_owned())),
            _ => {
                let known = units.iter().map(|unit| text::id(&unit.name)).collect::<Vec<_>>().join(", ");
                Err(Failure::Usage(format!("Which business unit? Give --unit, for instance one of: {known}.")))
            }
        }
    }

    /// The parent of a list: the unit to act in, or all where none can be told.
    pub(crate) async fn parent(&self) -> Result<String, Failure> {
        match self.unit().await {
            Err(Failure::Usage(_)) if self.unit.is_none() => Ok(ALL.to_owned()),
            found => found,
        }
    }

    /// The name under a business unit that was typed in short.
    pub(crate) async fn under_unit(&self, typed: &str, collection: &str) -> Result<String, Failure> {
        match names::under_unit(typed, collection)? {
            Typed::Whole(name) => Ok(name),
            Typed::Id(id) => Ok(format!("{}/{collection}/{id}", self.unit().await?)),
        }
    }

    /// The name of a request. A code is unique in the organization, so that its unit need not be given.
    pub(crate) async fn request_name(&self, typed: &str) -> Result<String, Failure> {
        match names::under_unit(typed, "requests")? {
            Typed::Id(code) if code.starts_with("R-") && self.unit.is_none() => {
                let request = pb::ListRequestsRequest {
                    parent: ALL.to_owned(),
                    filter: format!("code = {}", serde_json::Value::from(code.as_str())),
                    page_size: 1,
                    ..Default::default()
                };
                let found = self.client.requests().list_requests(request).await?.into_inner().requests.pop();
                let missing = || Failure::NotFound(format!("There is no request {code} that you may see."));
                Ok(found.ok_or_else(missing)?.name)
            }
            Typed::Id(id) => Ok(format!("{}/requests/{id}", self.unit().await?)),
            Typed::Whole(name) => Ok(name),
        }
    }

    /// The request.
    pub(crate) async fn request(&self, typed: &str) -> Result<pb::Request, Failure> {
        let name = self.request_name(typed).await?;
        Ok(self.client.requests().get_request(pb::GetRequestRequest { name }).await?.into_inner())
    }

    /// Prints the first `limit` items of a list; 0 prints all.
    pub(crate) async fn print_list<T: Message + Name>(
        &self,
        items: impl Stream<Item = Result<T, Error>>,
        limit: usize,
        columns: &[Column<T>],
    ) -> Result<(), Failure> {
        let limit = if limit == 0 { usize::MAX } else { limit };
        let items: Vec<T> = items.take(limit).try_collect().await?;
        self.format.list(&items, columns)
    }
}
