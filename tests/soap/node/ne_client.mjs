// Node's `soap` as a provisioning gateway: opens a session, places every order of contract B, reads, searches, faults.
// usage: node ne_client.mjs NAME WSDL-URL

import { randomUUID } from 'node:crypto'
import soap from 'soap'

const MO = 'urn:telvisor:mo:v1'
const [name, url] = process.argv.slice(2)
const run = randomUUID().slice(0, 8)
const client = await soap.createClientAsync(url)
let passed = 0
let failed = 0
let session
let calls = 0

function check(what, held) {
  if (held) passed += 1
  else failed += 1
  console.log(held ? 'ok    ' : 'FAILED', what)
}

const escaped = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;')
const written = (values) => Object.entries(values).map(([k, v]) => `<mo:${k}>${escaped(v)}</mo:${k}>`).join('')
// What the schema leaves open this stack wants as XML.
const keys = (values) => ({ $xml: `<ns1:MOId xmlns:ns1="urn:telvisor:ne:1.2" xmlns:mo="${MO}">${written(values)}</ns1:MOId>` })
const attributes = (verb, values) => ({
  $xml: `<ns1:MOAttributes xmlns:ns1="urn:telvisor:ne:1.2" xmlns:mo="${MO}"><mo:${verb}>${written(values)}</mo:${verb}></ns1:MOAttributes>`,
})

async function call(operation, kind, id, values) {
  calls += 1
  client.clearSoapHeaders()
  client.addSoapHeader(
    { SessionId: session, TransactionId: `${run}-${calls}`, SequenceId: String(calls), Context: 'c' },
    '', 'ne', 'urn:telvisor:ne:1.2')
  const $xml = [
    `<MOType xmlns="urn:telvisor:ne:1.2">${kind}@${MO}</MOType>`,
    keys(id).$xml,
    values ? attributes(`${operation.toLowerCase()}${kind}`, values).$xml : '',
  ].join('')
  const [body, , headers] = await client[`${operation}Async`]({ $xml })
  check(`${operation} ${kind}: the header blocks come back`, headers.TransactionId === `${run}-${calls}` && headers.Context === 'c')
  return body
}

async function fault(what, number, role, ...members) {
  try {
    await call(...members)
    check(`${what} is refused`, false)
  } catch (e) {
    const detail = e.root?.Envelope.Body.Fault.detail?.Cai3gFault
    check(`${what}: ${e.message}`, Number(detail?.faultcode) === number && detail.faultrole === role)
  }
}

const [opened] = await client.LoginAsync({ userId: 'gateway', pwd: 'secret' })
session = opened.sessionId
check('Login opens a session', session.length > 20)

const customer = { customerId: `nen-${run}` }
await call('Create', 'Customer', customer, { name: 'Ada & <Sons>' })
let body = await call('Create', 'Subscription', { ...customer, applicationId: 'kinfolk' }, { planId: 'solo' })
const subscription = { subscriptionId: body.MOId.subscriptionId }
check('Create answers the key', subscription.subscriptionId?.length === 36)
for (const values of [{ planId: 'team' }, { planId: 'solo' }, { state: 'suspended' }, { state: 'active' }]) {
  await call('Set', 'Subscription', subscription, values)
  body = await call('Get', 'Subscription', subscription)
  const [[what, value]] = Object.entries(values)
  check(`${what} is ${value}`, body.MOAttributes.getSubscription[what] === value)
}
for (const state of ['suspended', 'active']) {
  await call('Set', 'Customer', customer, { state })
  body = await call('Get', 'Customer', customer)
  check(`the customer is ${state}`, body.MOAttributes.getCustomer.state === state)
}
check('the name is the name', body.MOAttributes.getCustomer.name === 'Ada & <Sons>')
const [search] = await client.SearchAsync({
  MOType: `Subscription@${MO}`,
  filters: { filter: [{ name: 'customerId', value: customer.customerId }] },
})
check('Search finds it', search.result?.[0].MOId.subscriptionId === subscription.subscriptionId)

await fault('what is there already', 3008, 'NEF', 'Create', 'Customer', customer, { name: 'Eve' })
await fault('no such plan', 3004, 'NEF', 'Set', 'Subscription', subscription, { planId: 'huge' })
await call('Delete', 'Subscription', subscription)
await fault('what is deleted', 3002, 'NEF', 'Get', 'Subscription', subscription)
await call('Delete', 'Customer', customer)
await client.LogoutAsync({ sessionId: session })
await fault('a session that has ended', 1001, 'MF', 'Get', 'Customer', customer)

console.log(`${name}: ${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
