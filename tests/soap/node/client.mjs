// Node's `soap` as a BSS: loads the WSDL, places every order of contract A, reads what there is and typed faults.
// usage: node client.mjs NAME WSDL-URL

import { randomUUID } from 'node:crypto'
import soap from 'soap'

const [name, url] = process.argv.slice(2)
const run = randomUUID().slice(0, 8)
const client = await soap.createClientAsync(url)
let passed = 0
let failed = 0
let orders = 0

function check(what, held) {
  if (held) passed += 1
  else failed += 1
  console.log(held ? 'ok    ' : 'FAILED', what)
}

const call = async (operation, members) => (await client[`${operation}Async`](members))[0]
const order = (more) => ({ externalOrderId: `${run}-${(orders += 1)}`, waitSeconds: 60, ...more })

// An order that must have ended well when it is answered.
async function place(operation, members) {
  const { ack } = await call(operation, { order: order(), ...members })
  check(`${operation} is ${ack.state}`, ack.state === 'completed' && ack.externalOrderId === `${run}-${orders}`)
  return ack
}

// A call that must be refused so.
async function fault(what, number, code, path, operation, members) {
  try {
    await call(operation, members)
    check(`${what} is refused`, false)
  } catch (e) {
    const found = e.root?.Envelope.Body.Fault
    const detail = (found?.detail ?? found?.Detail)?.provisioningFault
    // The values of a detail stay text.
    const right = detail?.code === code && detail.number === String(number) && detail.retryable === 'false'
    check(`${what}: ${e.message}`, right && (detail.path ?? '').endsWith(path))
    return detail
  }
}

const customerId = `node-${run}`
const contact = { email: 'ada@example.com', city: 'London', country: 'GB' }
let ack = await place('CreateCustomer', { customerId, name: 'Ada & <Sons>', contact })
check('the ack names the customer', ack.customerId === customerId && ack.orderDate instanceof Date)
ack = await place('ProvisionApplication', { customerId, applicationId: 'kinfolk', planId: 'solo', version: '2.0' })
const { subscriptionId } = ack
await place('ChangeSubscription', { subscriptionId, changeType: 'upgrade', planId: 'team' })
await place('ChangeSubscription', { subscriptionId, changeType: 'downgrade', planId: 'solo' })
await place('SuspendSubscription', { subscriptionId, reason: 'unpaid' })
let shown = (await call('GetSubscription', { subscriptionId })).subscription
check('it is suspended', shown.state === 'suspended')
await place('ReactivateSubscription', { subscriptionId })
await place('SuspendCustomer', { customerId })
await place('ReactivateCustomer', { customerId })

await place('BackupSubscription', { subscriptionId })
const { status } = await call('GetOrderStatus', { externalOrderId: `${run}-${orders}` })
check('GetOrderStatus shows the item', status.state === 'completed' && status.item.length === 1)
const { backupId } = status.item[0]
const { backups } = await call('ListBackups', { subscriptionId })
check('ListBackups has it', backups.backup.some((b) => b.backupId === backupId && b.state === 'available'))
const { link } = await call('GetBackupLink', { backupId, customerId })
check('GetBackupLink', link.url.startsWith('http') && link.expiresAt > new Date())
await place('RestoreSubscription', { subscriptionId, backupId })

shown = (await call('GetSubscription', { subscriptionId })).subscription
check('GetSubscription', shown.customerId === customerId && shown.state === 'active' && shown.planId === 'solo')
const { customer } = await call('GetCustomer', { customerId })
check('GetCustomer', customer.name === 'Ada & <Sons>' && customer.contact.city === 'London')
const { page } = await call('FindOrders', { customerId, limit: 3 })
check('FindOrders', page.total === orders && page.status.length === 3)

const again = { order: { externalOrderId: `${run}-1`, waitSeconds: 60 }, customerId }
ack = (await call('CreateCustomer', { ...again, name: 'Ada & <Sons>', contact })).ack
check('a repeat answers the same order', ack.duplicate === true)
const conflict = await fault('other content', 3006, 'DUPLICATE_ORDER_CONFLICT', '/order/externalOrderId',
  'CreateCustomer', { ...again, name: 'Eve' })
check('the conflict names the order', conflict?.orderId === ack.orderId)
await fault('no such customer', 3001, 'CUSTOMER_NOT_FOUND', '/GetCustomer/customerId', 'GetCustomer',
  { customerId: 'nobody' })
await fault('no order named', 2005, 'SCHEMA_VIOLATION', '/GetOrderStatus', 'GetOrderStatus', {})
await fault('an order that has ended', 3005, 'INVALID_STATE', '', 'CancelOrder', { externalOrderId: `${run}-1` })

await place('TerminateSubscription', { subscriptionId })
await place('TerminateCustomer', { customerId })

console.log(`${name}: ${passed} passed, ${failed} failed`)
process.exit(failed ? 1 : 0)
