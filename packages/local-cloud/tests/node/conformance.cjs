// Every action of the local cloud as the official Node SDK speaks it. Usage: node conformance.cjs PORT CONTROL-TOKEN
'use strict';
const assert = require('node:assert');
const sdk = require('@alicloud/ecs20140526');
const { $OpenApiUtil } = require('@alicloud/openapi-core');

const endpoint = `127.0.0.1:${process.argv[2]}`;
const regionId = 'cn-hangzhou';
const leap = (seconds) => fetch(`http://${endpoint}/_goldrun/clock`, {
  method: 'POST',
  headers: { authorization: `Bearer ${process.argv[3]}`, 'content-type': 'application/json' },
  body: JSON.stringify({ advance: seconds }),
});
const client = (accessKeyId = 'goldrun-local', accessKeySecret = 'goldrun-local-secret') =>
  new sdk.default(new $OpenApiUtil.Config({ accessKeyId, accessKeySecret, endpoint, protocol: 'http', regionId }));

async function refused(promise, code) {
  await assert.rejects(promise, (error) => {
    assert.strictEqual(error.code, code);
    return true;
  });
}

// Instances and the market, from the market's advice to the end of an instance.
async function instances(ecs) {
  const instanceType = 'ecs.c7.2xlarge';
  const types = (await ecs.describeInstanceTypes(new sdk.DescribeInstanceTypesRequest({ instanceTypes: [instanceType] }))).body;
  assert.strictEqual(types.instanceTypes.instanceType[0].cpuCoreCount, 8);
  const stock = (await ecs.describeAvailableResource(new sdk.DescribeAvailableResourceRequest({
    regionId, destinationResource: 'SystemDisk', instanceType }))).body.availableZones.availableZone;
  const zone = stock.find((one) => one.availableResources.availableResource.length > 0);
  const category = zone.availableResources.availableResource[0].supportedResources.supportedResource[0].value;
  const prices = (await ecs.describeSpotPriceHistory(new sdk.DescribeSpotPriceHistoryRequest({ regionId, instanceType, networkType: 'vpc' }))).body;
  assert.ok(prices.spotPrices.spotPriceType.length > 0);
  const advice = (await ecs.describeSpotAdvice(new sdk.DescribeSpotAdviceRequest({ regionId, instanceTypes: [instanceType] }))).body;
  assert.ok(advice.availableSpotZones.availableSpotZone.length > 0);
  assert.strictEqual((await ecs.describePrice(new sdk.DescribePriceRequest({ regionId, instanceType }))).body.priceInfo.price.tradePrice, 1.64);
  assert.strictEqual((await ecs.describeKeyPairs(new sdk.DescribeKeyPairsRequest({ regionId }))).body.keyPairs.keyPair[0].keyPairName, 'ci');
  const group = (await ecs.describeSecurityGroups(new sdk.DescribeSecurityGroupsRequest({ regionId }))).body.securityGroups.securityGroup[0];

  const made = (await ecs.runInstances(new sdk.RunInstancesRequest({
    regionId, instanceType, imageId: 'm-localnewamd64', vSwitchId: `vsw-local-${zone.zoneId}`,
    securityGroupId: group.securityGroupId, clientToken: 'node-run', httpTokens: 'required',
    systemDisk: new sdk.RunInstancesRequestSystemDisk({ category }),
    tag: [new sdk.RunInstancesRequestTag({ key: 'by', value: 'node' })],
  }))).body.instanceIdSets.instanceIdSet[0];
  await leap(60);
  const described = async () => (await ecs.describeInstances(new sdk.DescribeInstancesRequest({
    regionId, maxResults: 10, tag: [new sdk.DescribeInstancesRequestTag({ key: 'by', value: 'node' })] }))).body.instances.instance;
  assert.deepStrictEqual((await described()).map((one) => [one.instanceId, one.status]), [[made, 'Running']]);
  const status = (await ecs.describeInstanceStatus(new sdk.DescribeInstanceStatusRequest({ regionId, instanceId: [made] }))).body;
  assert.strictEqual(status.instanceStatuses.instanceStatus[0].status, 'Running');
  assert.ok((await ecs.getInstanceConsoleOutput(new sdk.GetInstanceConsoleOutputRequest({ regionId, instanceId: made }))).body.consoleOutput);
  assert.strictEqual((await ecs.describeInstanceHistoryEvents(new sdk.DescribeInstanceHistoryEventsRequest({ regionId, instanceId: made }))).body.totalCount, 0);
  assert.strictEqual((await ecs.describeDisks(new sdk.DescribeDisksRequest({ regionId, instanceId: made }))).body.disks.disk[0].category, category);

  const invokeId = (await ecs.runCommand(new sdk.RunCommandRequest({
    regionId, type: 'RunShellScript', instanceId: [made], commandContent: '# simulate: seconds=5 exit=3 output=hello' }))).body.invokeId;
  await leap(60);
  const results = (await ecs.describeInvocationResults(new sdk.DescribeInvocationResultsRequest({ regionId, invokeId }))).body;
  const result = results.invocation.invocationResults.invocationResult[0];
  assert.deepStrictEqual([result.invocationStatus, result.exitCode, result.output], ['Failed', 3, 'aGVsbG8K']);
  await ecs.sendFile(new sdk.SendFileRequest({ regionId, instanceId: [made], name: 'motd', targetDir: '/etc', content: 'hello' }));
  const assistant = (await ecs.describeCloudAssistantStatus(new sdk.DescribeCloudAssistantStatusRequest({ regionId, instanceId: [made] }))).body;
  assert.strictEqual(assistant.instanceCloudAssistantStatusSet.instanceCloudAssistantStatus[0].cloudAssistantStatus, 'true');

  const tomorrow = new Date(Date.now() + 24 * 3600 * 1000).toISOString().slice(0, 19) + 'Z';
  await ecs.modifyInstanceAutoReleaseTime(new sdk.ModifyInstanceAutoReleaseTimeRequest({ regionId, instanceId: made, autoReleaseTime: tomorrow }));
  await ecs.stopInstance(new sdk.StopInstanceRequest({ instanceId: made }));
  await leap(60);
  await ecs.startInstance(new sdk.StartInstanceRequest({ instanceId: made }));
  await leap(60);
  await ecs.stopInstances(new sdk.StopInstancesRequest({ regionId, instanceId: [made] }));
  await leap(60);
  await ecs.deleteInstances(new sdk.DeleteInstancesRequest({ regionId, instanceId: [made], force: true }));
  await leap(60);
  assert.deepStrictEqual(await described(), []);
  await refused(ecs.deleteInstance(new sdk.DeleteInstanceRequest({ instanceId: made })), 'InvalidInstanceId.NotFound');
  await refused(ecs.deleteDisk(new sdk.DeleteDiskRequest({ diskId: 'd-none' })), 'InvalidDiskId.NotFound');
}

async function main() {
  const ecs = client();
  const image = async (imageId, more = {}) =>
    (await ecs.describeImages(new sdk.DescribeImagesRequest({ regionId, imageId, status: 'ALL', ...more }))).body.images.image[0];

  const first = (await ecs.describeImages(new sdk.DescribeImagesRequest({ regionId, imageOwnerAlias: 'self', pageSize: 3 }))).body;
  assert.strictEqual(first.images.image.length, 3);
  assert.ok(first.totalCount > 3);
  const second = (await ecs.describeImages(new sdk.DescribeImagesRequest({ regionId, imageOwnerAlias: 'self', pageSize: 3, pageNumber: 2 }))).body;
  assert.ok(!second.images.image.some((one) => one.imageId === first.images.image[0].imageId));
  const family = await ecs.describeImageFromFamily(new sdk.DescribeImageFromFamilyRequest({ regionId, imageFamily: 'github-runner-ubuntu24-amd64' }));
  assert.strictEqual(family.body.image.imageId, 'm-localnewamd64');

  const made = (await ecs.createImage(new sdk.CreateImageRequest({
    regionId, snapshotId: 's-localoldamd64', imageName: 'from-node-镜像', clientToken: 'node-1',
    tag: [new sdk.CreateImageRequestTag({ key: 'by', value: 'node' })],
  }))).body.imageId;
  assert.strictEqual((await image(made)).status, 'Creating');
  await leap(600);
  assert.strictEqual((await image(made)).status, 'Available');

  await ecs.modifyImageAttribute(new sdk.ModifyImageAttributeRequest({ regionId, imageId: made, imageName: 'node-2' }));
  assert.strictEqual((await image(made)).imageName, 'node-2');
  const tagging = { regionId, resourceType: 'image', resourceId: [made] };
  await ecs.tagResources(new sdk.TagResourcesRequest({ ...tagging, tag: [new sdk.TagResourcesRequestTag({ key: 'Latest', value: 'true' })] }));
  const rows = (await ecs.listTagResources(new sdk.ListTagResourcesRequest(tagging))).body.tagResources.tagResource;
  assert.deepStrictEqual(rows.map((row) => row.tagKey).sort(), ['Latest', 'by']);
  await ecs.untagResources(new sdk.UntagResourcesRequest({ ...tagging, tagKey: ['Latest'] }));

  await ecs.modifyImageSharePermission(new sdk.ModifyImageSharePermissionRequest({ regionId, imageId: made, addAccount: ['1000000000000002'] }));
  const shared = (await ecs.describeImageSharePermission(new sdk.DescribeImageSharePermissionRequest({ regionId, imageId: made }))).body;
  assert.strictEqual(shared.accounts.account[0].aliyunId, '1000000000000002');
  await refused(ecs.deleteImage(new sdk.DeleteImageRequest({ regionId, imageId: made })), 'ImageUseShared');
  await ecs.modifyImageSharePermission(new sdk.ModifyImageSharePermissionRequest({ regionId, imageId: made, removeAccount: ['1000000000000002'] }));

  const copied = (await ecs.copyImage(new sdk.CopyImageRequest({ regionId, imageId: made, destinationRegionId: 'cn-beijing', destinationImageName: 'node-copy' }))).body.imageId;
  await ecs.cancelCopyImage(new sdk.CancelCopyImageRequest({ regionId: 'cn-beijing', imageId: copied }));
  await ecs.deleteImage(new sdk.DeleteImageRequest({ regionId, imageId: made }));
  assert.strictEqual(await image(made), undefined);

  const snapshots = (await ecs.describeSnapshots(new sdk.DescribeSnapshotsRequest({ regionId, maxResults: 2 }))).body;
  assert.strictEqual(snapshots.snapshots.snapshot.length, 2);
  assert.ok(snapshots.nextToken);
  await refused(ecs.deleteSnapshot(new sdk.DeleteSnapshotRequest({ snapshotId: 's-localnewamd64' })), 'SnapshotCreatedImage');
  assert.ok((await ecs.describeRegions(new sdk.DescribeRegionsRequest({}))).body.regions.region.length >= 20);
  assert.ok((await ecs.describeZones(new sdk.DescribeZonesRequest({ regionId }))).body.zones.zone.length >= 6);

  await instances(ecs);

  await refused(client('goldrun-local', 'wrong').describeRegions(new sdk.DescribeRegionsRequest({})), 'SignatureDoesNotMatch');
  await refused(client('nobody').describeRegions(new sdk.DescribeRegionsRequest({})), 'InvalidAccessKeyId.NotFound');
  await refused(ecs.describeImages(new sdk.DescribeImagesRequest({ regionId, pageSize: 1000 })), 'InvalidPageSize');
  await refused(ecs.describeImages(new sdk.DescribeImagesRequest({ regionId: 'cn-nowhere' })), 'InvalidRegionId.NotFound');
  console.log('conformance: ok');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
