//! The classes of environments, and what they are called.

use flagstone_api::pb::{self, Tier};

use crate::support::{Caller, Code, Error, TestApp};

async fn tiers(caller: &Caller) -> Result<Vec<pb::EnvironmentTier>, Error> {
    let request = pb::ListEnvironmentTiersRequest {};
    Ok(caller.environments().list_environment_tiers(request).await?.into_inner().tiers)
}

#[tokio::test]
async fn the_tiers_are_told_in_the_order_of_promotion_with_every_word_that_is_taken_for_them() {
    let app = TestApp::start().await;
    let told = tiers(&app.user("nobody", &[]).await).await.unwrap();
    let shown: Vec<_> = told.iter().map(|tier| (tier.tier(), tier.display_name.as_str(), tier.rank)).collect();
    let expected = [
        (Tier::Development, "Development", 100),
        (Tier::Staging, "Staging", 200),
        (Tier::Production, "Production", 300),
    ];
    assert_eq!(shown, expected);
    assert!(told.iter().all(|tier| tier.description.ends_with('.') && !tier.aliases.is_empty()), "{told:?}");

    // Each word finds the environments of its tier, in any case.
    let dev = app.as_dev().await;
    for tier in &told {
        let names = tier.aliases.iter().chain([&tier.display_name]);
        for word in names.flat_map(|word| [word.to_lowercase(), word.to_uppercase()]) {
            let request = pb::ListEnvironmentsRequest {
                parent: "businessUnits/sandbox".into(),
                filter: format!("tier = {word}"),
                ..Default::default()
            };
            let found = dev.environments().list_environments(request).await.unwrap().into_inner().environments;
            let found: Vec<_> = found.iter().map(|environment| (environment.tier(), environment.rank)).collect();
            assert_eq!(found, [(tier.tier(), tier.rank)], "{word}");
        }
    }
    assert_eq!(tiers(&app.anonymous()).await.unwrap_err().code, Code::Unauthenticated);
    app.finish().await;
}
