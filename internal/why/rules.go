package why

// rules stand in the order in which one cause explains the next: what keeps a pod from being made comes before what keeps it from
// starting, that before why its process ends, and that before what others see of it.
var rules = []rule{
	// where it is to run
	{name: "cluster-unreachable", judge: view.clusterUnreachable},
	{name: "machine-unreachable", judge: view.machineUnreachable},
	{name: "not-there", judge: view.notThere},
	{name: "scaled-to-zero", judge: view.scaledToZero},
	{name: "quota", judge: view.quota},
	{name: "pods-refused", judge: view.podsRefused},
	{name: "node", judge: view.nodeGone},
	{name: "disk-claim", judge: view.claimPending},
	{name: "no-room", judge: view.unscheduled},
	{name: "evicted", judge: view.evicted},
	// what it is started from
	{name: "image", judge: view.image},
	{name: "configuration", judge: view.configuration},
	{name: "mount", judge: view.mount},
	{name: "program", judge: view.program},
	{name: "unit-masked", judge: view.unitMasked},
	{name: "unit-missing", judge: view.unitMissing},
	{name: "unit-program", judge: view.unitProgram},
	{name: "file-missing", judge: view.fileMissing},
	{name: "machine-disk", judge: view.diskFull},
	// why its process ends
	{name: "memory", judge: view.outOfMemory},
	{name: "machine-memory", judge: view.killedForMemory},
	{name: "port-taken", judge: view.portTaken},
	{name: "names-down", judge: view.namesDown},
	{name: "says-why", judge: view.saysWhy},
	{name: "wrong-probe", judge: view.wrongProbe},
	{name: "need-down", judge: view.needDown},
	{name: "unit-stopped", judge: view.unitStopped},
	{name: "unit-failed", judge: view.unitFailed, last: true},
	{name: "crashes", judge: view.crashes, last: true},
	{name: "not-ready", judge: view.notReady, last: true},
	// why nobody reaches it
	{name: "selector", judge: view.selector},
	{name: "service-port", judge: view.servicePort},
	{name: "not-listening", judge: view.notListening},
	{name: "balancer", judge: view.balancer},
	// what it does not reach, though it runs
	{name: "need", judge: view.needUnreachable},
	{name: "says", judge: view.saysWhileItRuns},
}

// doubts are what may be wrong.
var doubts = []rule{
	{name: "policy", judge: view.policy},
	{name: "node-cordoned", judge: view.cordoned},
	{name: "memory-near", judge: view.memoryNear},
	{name: "other-disk", judge: view.otherDisks},
	{name: "unit-disabled", judge: view.unitDisabled},
	{name: "restarts", judge: view.restarted},
	{name: "expected", judge: view.notSteady, last: true},
}
