package why

// rules stand in the order in which one cause explains the next: what keeps a pod from being made comes before what keeps it from
// starting, that before why its process ends, and that before what others see of it.
var rules = []rule{
	// where it is to run
	{"cluster-unreachable", view.clusterUnreachable},
	{"machine-unreachable", view.machineUnreachable},
	{"not-there", view.notThere},
	{"scaled-to-zero", view.scaledToZero},
	{"quota", view.quota},
	{"pods-refused", view.podsRefused},
	{"node", view.nodeGone},
	{"disk-claim", view.claimPending},
	{"no-room", view.unscheduled},
	{"evicted", view.evicted},
	// what it is started from
	{"image", view.image},
	{"configuration", view.configuration},
	{"mount", view.mount},
	{"program", view.program},
	{"unit-masked", view.unitMasked},
	{"unit-missing", view.unitMissing},
	{"file-missing", view.fileMissing},
	{"machine-disk", view.diskFull},
	// why its process ends
	{"memory", view.outOfMemory},
	{"machine-memory", view.killedForMemory},
	{"port-taken", view.portTaken},
	{"names-down", view.namesDown},
	{"says-why", view.saysWhy},
	{"wrong-probe", view.wrongProbe},
	{"need-down", view.needDown},
	{"unit-program", view.unitProgram},
	{"unit-stopped", view.unitStopped},
	{"unit-failed", view.unitFailed},
	{"crashes", view.crashes},
	{"not-ready", view.notReady},
	// why nobody reaches it
	{"selector", view.selector},
	{"service-port", view.servicePort},
	{"not-listening", view.notListening},
	{"balancer", view.balancer},
	// what it does not reach, though it runs
	{"need", view.needUnreachable},
	{"says", view.saysWhileItRuns},
}

// doubts are what may be wrong.
var doubts = []rule{
	{"policy", view.policy},
	{"node-cordoned", view.cordoned},
	{"memory-near", view.memoryNear},
	{"unit-disabled", view.unitDisabled},
	{"restarts", view.restarted},
	{"expected", view.notSteady},
}
