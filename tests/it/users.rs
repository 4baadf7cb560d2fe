//! What people choose for themselves.

use flagstone_api::pb::{self, ErrorReason};

use crate::support::{Caller, Code, Error, TestApp};

async fn choose(caller: &Caller, unit: &str) -> Result<pb::User, Error> {
    let request = pb::SetActiveBusinessUnitRequest { business_unit: unit.to_owned(), ..Default::default() };
    Ok(caller.users().set_active_business_unit(request).await?.into_inner())
}

async fn chosen(caller: &Caller) -> String {
    let me = caller.users().get_me(pb::GetMeRequest {}).await.unwrap().into_inner();
    me.active_business_unit
}

#[tokio::test]
async fn the_active_unit_survives_a_new_login_and_is_gone_with_the_right_to_it() {
    let app = TestApp::start().await;
    let who = app.user("mover", &[("viewer", "sandbox")]).await;
    assert_eq!(chosen(&who).await, "");
    let told = choose(&who, "businessUnits/sandbox").await.unwrap();
    assert_eq!(told.active_business_unit, "businessUnits/sandbox");
    assert_eq!(chosen(&app.login("mover").await).await, "businessUnits/sandbox");
    // The same again changes nothing.
    assert_eq!(choose(&who, "businessUnits/sandbox").await.unwrap().etag, told.etag);

    app.unbind("mover").await;
    assert_eq!(chosen(&app.login("mover").await).await, "", "a unit out of reach is not filled in");
    app.bind("mover", "viewer", "sandbox").await;
    assert_eq!(choose(&app.login("mover").await, "").await.unwrap().active_business_unit, "");
    assert_eq!(chosen(&app.login("mover").await).await, "");
    app.finish().await;
}

#[tokio::test]
async fn a_unit_out_of_reach_answers_like_one_that_never_existed() {
    let app = TestApp::start().await;
    app.unit("payments").await;
    let who = app.user("mover", &[("viewer", "sandbox")]).await;
    for unit in ["businessUnits/payments", "businessUnits/qqqqqqqq"] {
        let refused = choose(&who, unit).await.unwrap_err();
        assert_eq!((refused.code, refused.reason), (Code::NotFound, Some(ErrorReason::NotFound)), "{refused:?}");
        assert_eq!(
            refused.message.replace(unit, ""),
            choose(&who, "businessUnits/x").await.unwrap_err().message.replace("businessUnits/x", "")
        );
    }
    assert_eq!(chosen(&who).await, "");
    // Whoever may read every unit may choose any, member or not.
    assert!(choose(&app.as_admin().await, "businessUnits/payments").await.is_ok());
    let wrong = choose(&who, "sandbox").await.unwrap_err();
    assert_eq!(wrong.violations.fields[0].field, "business_unit");
    app.finish().await;
}
