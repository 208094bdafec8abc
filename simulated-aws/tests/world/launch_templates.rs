use aws_sdk_eks::types::LaunchTemplateSpecification;
use simulated_aws::{Nodegroup, World};

use crate::sdk::{clients, refusal, world};
use crate::updates::{NEW, OLD, describe, minutes, state_of, to_new, update};

fn with_template() -> World {
    let world = world();
    world.add_nodegroup(Nodegroup::new("prod", "blue").launch_template("workers", "3"));
    world.publish_release("AL2023_x86_64_STANDARD", "1.33", NEW);
    world
}

fn workers(version: &str) -> LaunchTemplateSpecification {
    LaunchTemplateSpecification::builder().name("workers").version(version).build()
}

/// The type and value of each param.
fn params(update: &aws_sdk_eks::types::Update) -> Vec<(&str, &str)> {
    update.params().iter().filter_map(|param| Some((param.r#type()?.as_str(), param.value()?))).collect()
}

#[tokio::test]
async fn a_custom_ami_wants_its_launch_template_and_nothing_else() -> anyhow::Result<()> {
    let world = world();
    let custom = Nodegroup::new("prod", "blue").ami_type("CUSTOM").release("ami-0c099795affa953de");
    world.add_nodegroup(custom.launch_template("workers", "3"));
    let eks = clients(&world).await.eks;
    let template = || LaunchTemplateSpecification::builder().name("workers").version("4");

    let answer = update(&eks).send().await;
    assert_eq!(refusal(answer).1, "Launch template details can't be null for Custom ami type node group");
    let answer = update(&eks).launch_template(template().build()).version("1.33").send().await;
    assert_eq!(refusal(answer).1, "You cannot specify the field kubernetesVersion when using custom AMIs.");
    let both = "Either provide launch template ID or launch template name in the request.";
    let other = "You cannot specify a different launch template";
    for (asked, text) in [(template().id("lt-1"), both), (LaunchTemplateSpecification::builder().name("else"), other)] {
        let answer = update(&eks).launch_template(asked.build()).send().await;
        assert_eq!(refusal(answer), ("InvalidParameterException".to_owned(), text.to_owned()));
    }
    update(&eks).launch_template(template().build()).send().await?;
    world.advance(minutes(10));
    let nodegroup = world.nodegroup("prod", "blue").unwrap();
    assert_eq!(nodegroup.launch_template.unwrap().version, "4");
    assert_eq!(nodegroup.release, "ami-0c099795affa953de");
    Ok(())
}

#[tokio::test]
async fn an_update_to_a_launch_template_lists_only_that_and_keeps_the_release() -> anyhow::Result<()> {
    let world = with_template();
    let eks = clients(&world).await.eks;
    let id = world.start_launch_template_update("prod", "blue", "4")?;
    let in_progress = describe(&eks, &id).await?;
    assert_eq!(params(&in_progress), [("LaunchTemplateName", "workers"), ("LaunchTemplateVersion", "4")]);
    world.advance(minutes(10));
    let nodegroup = world.nodegroup("prod", "blue").unwrap();
    assert_eq!((nodegroup.release.as_str(), nodegroup.launch_template.unwrap().version.as_str()), (OLD, "4"));
    Ok(())
}

#[tokio::test]
async fn an_update_lists_what_its_request_named() -> anyhow::Result<()> {
    let world = with_template();
    let eks = clients(&world).await.eks;
    let both = to_new(&eks).launch_template(workers("4")).send().await?.update.unwrap();
    let release = [("Version", "1.33"), ("ReleaseVersion", NEW)];
    let template = [("LaunchTemplateName", "workers"), ("LaunchTemplateVersion", "4")];
    assert_eq!(params(&both), [release, template].concat());
    world.advance(minutes(10));
    assert_eq!(state_of(&world), ("ACTIVE".to_owned(), NEW.to_owned()));
    assert_eq!(world.nodegroup("prod", "blue").unwrap().launch_template.unwrap().version, "4");
    Ok(())
}

#[test]
fn an_update_to_a_launch_template_needs_one() {
    let world = world();
    world.add_nodegroup(Nodegroup::new("prod", "blue"));
    let refused = world.start_launch_template_update("prod", "blue", "4").unwrap_err();
    assert_eq!(refused.message, "The node group was not created with a launch template");
    assert_eq!(world.start_launch_template_update("prod", "red", "4").unwrap_err().status, 404);
}

#[tokio::test]
async fn a_caller_without_rights_to_the_launch_template_is_refused() -> anyhow::Result<()> {
    let world = with_template();
    let eks = clients(&world).await.eks;
    world.deny_launch_template("prod", "blue", true);
    let answer = to_new(&eks).send().await;
    assert_eq!(answer.as_ref().unwrap_err().raw_response().unwrap().status().as_u16(), 400);
    let text = "You are not authorized to launch instances with this launch template. \
                Encoded authorization failure message: c2ltdWxhdGVk";
    assert_eq!(refusal(answer), ("InvalidRequestException".to_owned(), text.to_owned()));
    assert_eq!(world.updates("prod", "blue"), []);

    world.deny_launch_template("prod", "blue", false);
    assert_eq!(refusal(to_new(&eks).send().await).0, "accepted");
    world.advance(minutes(10));
    world.deny_launch_template("prod", "blue", true);
    world.start_launch_template_update("prod", "blue", "4")?;
    Ok(())
}
