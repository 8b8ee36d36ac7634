// Every action of the local cloud as the official Node SDK speaks it. Usage: node conformance.cjs PORT
'use strict';
const assert = require('node:assert');
const sdk = require('@alicloud/ecs20140526');
const { $OpenApiUtil } = require('@alicloud/openapi-core');

const endpoint = `127.0.0.1:${process.argv[2]}`;
const regionId = 'cn-hangzhou';
const client = (accessKeyId = 'goldrun-local', accessKeySecret = 'goldrun-local-secret') =>
  new sdk.default(new $OpenApiUtil.Config({ accessKeyId, accessKeySecret, endpoint, protocol: 'http', regionId }));

async function refused(promise, code) {
  await assert.rejects(promise, (error) => {
    assert.strictEqual(error.code, code);
    return true;
  });
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
  await fetch(`http://${endpoint}/_goldrun/clock`, { method: 'POST', body: JSON.stringify({ advance: 600 }) });
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
