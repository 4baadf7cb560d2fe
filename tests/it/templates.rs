//! What can be ordered, as people read it.

use flagstone_api::pb::{self, ErrorReason};

use crate::support::accounts::told;
use crate::support::{Caller, Code, Error, TestApp};

async fn get(caller: &Caller, name: &str) -> Result<pb::Template, Error> {
    let request = pb::GetTemplateRequest { name: name.to_owned() };
    Ok(caller.templates().get_template(request).await?.into_inner())
}

#[tokio::test]
async fn a_template_is_read_with_the_inputs_of_its_latest_version() {
    let app = TestApp::start().await;
    let globex = app.organization("globex").await;
    // Whoever is signed in sees what there is to order, without any role.
    let nobody = app.user("nobody", &[]).await;
    let listed = nobody.templates().list_templates(pb::ListTemplatesRequest::default()).await.unwrap().into_inner();
    assert!(listed.templates.len() > 2, "templates ship: {listed:?}");
    for shown in listed.templates {
        assert_eq!(shown.input_schema, None, "a list leaves schemas out");
        let template = get(&nobody, &shown.name).await.unwrap();
        assert!(!template.guide.is_empty() && !template.display_name.is_empty(), "{}", template.name);
        // Of one template everything is told that the list tells, and the schema besides.
        let version = pb::GetTemplateVersionRequest { name: template.latest_version.clone() };
        let version = nobody.templates().get_template_version(version).await.unwrap().into_inner();
        assert_eq!(template.input_schema, version.input_schema, "{}", template.name);
        assert!(template.input_schema.as_ref().unwrap().fields.contains_key("properties"), "{}", template.name);
        assert_eq!(pb::Template { input_schema: None, ..template }, shown);
    }
    let bundle = get(&nobody, "templates/config-bundle").await.unwrap();
    assert_eq!(bundle.latest_version, "templates/config-bundle/versions/1.0.0");
    assert_eq!((bundle.kind(), bundle.provider()), (pb::TemplateKind::Infrastructure, pb::Provider::None));
    assert_eq!(bundle.estimated_duration, Some(prost_types::Duration { seconds: 5, nanos: 0 }));

    let absent = (Code::NotFound, Some(ErrorReason::NotFound));
    for name in ["templates/never-was", "templates/globex-config-bundle"] {
        assert_eq!(told(get(&nobody, name).await), absent, "{name}");
    }
    get(&globex.dev, "templates/globex-config-bundle").await.unwrap();
    for name in ["", "config-bundle", "templates/", "templates/%", "templates/config-bundle/versions/1.0.0"] {
        let refused = get(&nobody, name).await.unwrap_err();
        assert_eq!(refused.violations.fields[0].field, "name", "{name}: {refused:?}");
    }
    assert_eq!(told(get(&app.anonymous(), "templates/config-bundle").await).0, Code::Unauthenticated);
    app.finish().await;
}
