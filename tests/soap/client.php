<?php
// PHP's SoapClient as a BSS: loads the WSDL, places every order of contract A, reads what there is and typed faults.
// usage: php client.php NAME WSDL-URL [1.2]

declare(strict_types=1);

[, $name, $url] = $argv;
$client = new SoapClient($url, [
    'soap_version' => ($argv[3] ?? '') === '1.2' ? SOAP_1_2 : SOAP_1_1,
    'cache_wsdl' => WSDL_CACHE_NONE,
    'features' => SOAP_SINGLE_ELEMENT_ARRAYS,
    'connection_timeout' => 10,
]);
$run = bin2hex(random_bytes(4));
$passed = $failed = $orders = 0;

function check(string $what, bool $held): void
{
    global $passed, $failed;
    $held ? $passed++ : $failed++;
    echo $held ? 'ok     ' : 'FAILED ', $what, "\n";
}

function order(array $more = []): array
{
    global $run, $orders;
    $orders++;
    return ['externalOrderId' => "$run-$orders", 'waitSeconds' => 60] + $more;
}

// An order that must have ended well when it is answered.
function place(string $operation, array $members): object
{
    global $client, $run, $orders;
    $ack = $client->$operation(['order' => order()] + $members)->ack;
    check("$operation is $ack->state", $ack->state === 'completed' && $ack->externalOrderId === "$run-$orders");
    return $ack;
}

// A call that must be refused so.
function fault(string $what, int $number, string $code, string $path, string $operation, array $members): ?object
{
    global $client;
    try {
        $client->$operation($members);
        check("$what is refused", false);
        return null;
    } catch (SoapFault $e) {
        $detail = $e->detail->provisioningFault ?? null;
        // PHP leaves the values of a detail as text.
        $right = $detail && [$detail->number, $detail->code, $detail->retryable] === ["$number", $code, 'false'];
        check("$what: {$e->getMessage()}", $right && str_ends_with($detail->path ?? '', $path));
        return $detail;
    }
}

$customer = ['customerId' => "php-$run"];
$person = ['name' => 'Ada & <Sons>', 'contact' => ['email' => 'ada@example.com', 'city' => 'London', 'country' => 'GB']];
$ack = place('CreateCustomer', $customer + $person);
check('the ack names the customer', $ack->customerId === "php-$run");
$ack = place('ProvisionApplication', $customer + ['applicationId' => 'kinfolk', 'planId' => 'solo', 'version' => '2.0']);
$subscription = ['subscriptionId' => $ack->subscriptionId];
place('ChangeSubscription', $subscription + ['changeType' => 'upgrade', 'planId' => 'team']);
place('ChangeSubscription', $subscription + ['changeType' => 'downgrade', 'planId' => 'solo']);
place('SuspendSubscription', $subscription + ['reason' => 'unpaid']);
check('it is suspended', $client->GetSubscription($subscription)->subscription->state === 'suspended');
place('ReactivateSubscription', $subscription);
place('SuspendCustomer', $customer);
place('ReactivateCustomer', $customer);

place('BackupSubscription', $subscription);
$status = $client->GetOrderStatus(['externalOrderId' => "$run-$orders"])->status;
check('GetOrderStatus shows the item', $status->state === 'completed' && count($status->item) === 1);
$backup = ['backupId' => $status->item[0]->backupId];
$listed = $client->ListBackups($subscription)->backups->backup;
check('ListBackups has it', in_array($backup['backupId'], array_column($listed, 'backupId'), true));
$link = $client->GetBackupLink($backup + $customer)->link;
check('GetBackupLink', str_starts_with($link->url, 'http') && strtotime($link->expiresAt) > time());
place('RestoreSubscription', $subscription + $backup);

$shown = $client->GetSubscription($subscription)->subscription;
check('GetSubscription', $shown->customerId === "php-$run" && $shown->state === 'active' && $shown->planId === 'solo');
$shown = $client->GetCustomer($customer)->customer;
check('GetCustomer', $shown->name === 'Ada & <Sons>' && $shown->subscriptionId === [$subscription['subscriptionId']]);
$page = $client->FindOrders($customer + ['limit' => 3])->page;
check('FindOrders', $page->total === $orders && count($page->status) === 3);

$again = ['order' => ['externalOrderId' => "$run-1", 'waitSeconds' => 60]] + $customer;
$ack = $client->CreateCustomer($again + $person)->ack;
check('a repeat answers the same order', $ack->duplicate === true);
$conflict = fault('other content', 3006, 'DUPLICATE_ORDER_CONFLICT', '/order/externalOrderId', 'CreateCustomer',
    $again + ['name' => 'Eve']);
check('the conflict names the order', ($conflict->orderId ?? '') === $ack->orderId);
fault('no such customer', 3001, 'CUSTOMER_NOT_FOUND', '/GetCustomer/customerId', 'GetCustomer', ['customerId' => 'nobody']);
fault('no order named', 2005, 'SCHEMA_VIOLATION', '/GetOrderStatus', 'GetOrderStatus', []);
fault('an order that has ended', 3005, 'INVALID_STATE', '', 'CancelOrder', ['externalOrderId' => "$run-1"]);

place('TerminateSubscription', $subscription);
place('TerminateCustomer', $customer);

echo "$name: $passed passed, $failed failed\n";
exit($failed === 0 ? 0 : 1);
