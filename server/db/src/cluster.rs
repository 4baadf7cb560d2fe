//! What `flagstone-server dev` asks the cluster that it starts.

use crate::connect::Connector;
use crate::error::Error;

/// The data directory of the cluster at `url`; its user is a superuser. Fails while the cluster does not answer.
pub async fn data_directory(url: &str) -> Result<String, Error> {
    let session = Connector::owner(url)?.session().await?;
    session.setting("data_directory").await
}

/// Creates `database` unless it is there. `url` is that of another database of the cluster.
///
/// `database` is a lower-case word. Returns whether it was created.
pub async fn ensure_database(url: &str, database: &str) -> Result<bool, Error> {
    let (client, driver) = Connector::owner(url)?.client().await?;
    let query = async {
        if client.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&database]).await?.is_some() {
            return Ok(false);
        }
        client.batch_execute(&format!("CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8'")).await?;
        Ok(true)
    };
    tokio::select! {
        done = query => done,
        ended = driver => Err(ended.err().map_or_else(|| Error::other("the connection was closed"), Error::from)),
    }
}
