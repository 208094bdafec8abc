use aws_sdk_eks::Client;
use jiff::SignedDuration;
use simulated_aws::{Nodegroup, World};

use crate::sdk::{clients, refusal, world};
use crate::updates::update;

const BOTTLEROCKET: &str = "BOTTLEROCKET_x86_64";
const ROOT: &str = "/aws/service/bottlerocket/aws-k8s-1.33/x86_64";
const OLD: &str = "1.45.0-1e6a7c0b";
const NEW: &str = "1.46.0-9d20f4ae";

fn prod_blue() -> World {
    let world = world();
    world.publish_release(BOTTLEROCKET, "1.33", OLD);
    world.add_nodegroup(Nodegroup::new("prod", "blue").ami_type(BOTTLEROCKET).release(OLD));
    world.advance(SignedDuration::from_hours(1));
    world
}

fn latest(world: &World) -> Option<String> {
    world.parameter(&format!("{ROOT}/latest/image_version"))
}

async fn ask(eks: &Client, release: &str) -> (String, String) {
    refusal(update(eks).version("1.33").release_version(release).send().await)
}

fn not_valid(release: &str) -> (String, String) {
    let text = format!("Requested release version {release} is not valid for kubernetes version 1.33.");
    ("InvalidParameterException".to_owned(), text)
}

#[tokio::test]
async fn a_recommended_release_can_be_unknown_to_eks_until_it_learns() {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    let names = world.publish_release_unknown_to_eks(BOTTLEROCKET, "1.33", NEW);
    let folders =
        ["latest", NEW].map(|folder| [format!("{ROOT}/{folder}/image_version"), format!("{ROOT}/{folder}/image_id")]);
    assert_eq!(names, folders.concat());
    assert_eq!(latest(&world).as_deref(), Some(NEW));
    assert_eq!(ask(&eks, NEW).await, not_valid(NEW));
    world.ssm_ahead_of_eks(false);
    assert_eq!(ask(&eks, NEW).await, not_valid(NEW));
    world.eks_learns(BOTTLEROCKET, "1.33", NEW);
    assert_eq!(ask(&eks, NEW).await.0, "accepted");
}

#[tokio::test]
async fn a_build_has_parameters_of_its_own_before_it_is_published() -> anyhow::Result<()> {
    let world = prod_blue();
    let clients = clients(&world).await;
    let own = [format!("{ROOT}/{NEW}/image_version"), format!("{ROOT}/{NEW}/image_id")];
    assert_eq!(world.build_release(BOTTLEROCKET, "1.33", NEW), own);
    assert_eq!(world.build_release("WINDOWS_CORE_2022_x86_64", "1.33", "1.33-2026.07.15"), [""; 0]);
    assert_eq!((latest(&world).as_deref(), world.parameter(&own[0]).as_deref()), (Some(OLD), Some(NEW)));
    assert_eq!(ask(&clients.eks, NEW).await, not_valid(NEW));

    let built_at = world.now().as_second();
    world.advance(SignedDuration::from_hours(1));
    let recommendation = ["image_version", "image_id"].map(|leaf| format!("{ROOT}/latest/{leaf}"));
    assert_eq!(world.publish_release(BOTTLEROCKET, "1.33", NEW), recommendation);
    assert_eq!(ask(&clients.eks, NEW).await.0, "accepted");
    let own = clients.ssm.get_parameter().name(&own[0]).send().await?.parameter.unwrap();
    assert_eq!(own.last_modified_date().unwrap().secs(), built_at, "its own parameters tell when it was built");
    Ok(())
}

#[tokio::test]
async fn a_withdrawn_release_keeps_its_own_parameters_and_eks_accepts_it() {
    let world = prod_blue();
    let eks = clients(&world).await.eks;
    world.publish_release(BOTTLEROCKET, "1.33", NEW);
    assert_eq!(world.withdraw_release(BOTTLEROCKET, "1.33").as_deref(), Some(OLD));
    let own = world.parameter(&format!("{ROOT}/{NEW}/image_version"));
    assert_eq!((latest(&world).as_deref(), own.as_deref()), (Some(OLD), Some(NEW)));
    assert_eq!(ask(&eks, NEW).await.0, "accepted");
}
