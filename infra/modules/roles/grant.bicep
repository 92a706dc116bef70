@export()
@description('A role for somebody, with its reason. The reason becomes the description of the role assignment.')
type grantType = {
  @description('A name in roles.json.')
  role: string
  principalId: string
  @description('Who deploys may be a user or a service principal: Azure looks it up. For an identity that is new it could not yet.')
  isDeployer: bool?
  @description('Who it is, by a name that is known before the deployment: part of the name of the assignment.')
  holder: string
  why: string
}
